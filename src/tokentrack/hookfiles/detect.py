"""Detect which Kiro surfaces are in use from the files they leave, and choose what to install."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack import workspace
from tokentrack.hookfiles import walk
from tokentrack.hookfiles.edit_files import first_link
from tokentrack.hookfiles.entries import IDE0_FILES, is_ours
from tokentrack.hookfiles.plan import Step, shown_path
from tokentrack.hookfiles.targets import SURFACES, Request, scope_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STORAGE = ("Kiro", "User", "globalStorage", "kiro.kiroagent")
_ASK_AGENT = (
    "each agent of CLI 1.x and 2.x has its own file: run "
    "`tokentrack init --surface cli-2 --agent NAME` for each agent you use"
)


class Evidence(NamedTuple):
    """A surface that seems to be in use, and the path that shows it."""

    surface: str
    path: str


def detect(
    root: str, kiro_home: str, environ: Mapping[str, str] = os.environ, *, own: bool = True
) -> list[Evidence]:
    """Return the surfaces in use, in the order of `SURFACES`, one piece of evidence each.

    Args:
        root: the workspace's root.
        kiro_home: the user's `.kiro`.
        environ: the environment.
        own: whether hook files of the recorder are evidence. They show what was installed, not
            what is in use.
    """
    clues = {
        "ide-0": _ide0_clues(root, environ, own=own),
        "v1": _v1_clues(root, kiro_home, own=own),
        "cli-2": _cli2_clues(root, kiro_home),
        "crew": _crew_clues(kiro_home, own=own),
    }
    found = [(surface, next(clues[surface], "")) for surface in SURFACES]
    return [Evidence(surface, path) for surface, path in found if path]


def v1_sessions(kiro_home: str) -> Iterator[str]:
    """Yield the session folders of the v1 engine, that is of IDE 1.x and CLI 3."""
    folder = os.path.join(kiro_home, "sessions")
    for bucket in walk.names(folder):
        for name in walk.names(os.path.join(folder, bucket)):
            if name.startswith("sess_"):
                yield os.path.join(folder, bucket, name)


def detect_ide_major() -> int | None:
    """Return 1 when there are sessions of the v1 engine, else None.

    Kiro CLI 3 writes the same sessions as IDE 1.x, so it is a hint and not a proof.
    """
    return 1 if next(v1_sessions(workspace.kiro_home(os.environ)), None) else None


def ide0_storage(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the folders in which IDE 0.x keeps its executions, also after an update to 1.x."""
    home = environ.get("HOME") or os.path.expanduser("~")
    yield from _existing(
        os.path.join(home, "Library", "Application Support", *_STORAGE),
        os.path.join(environ.get("APPDATA") or home, *_STORAGE),
        os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), *_STORAGE),
        os.path.join(home, ".kiro-server", "data", *_STORAGE[1:]),
    )


def _ide0_clues(root: str, environ: Mapping[str, str], *, own: bool) -> Iterator[str]:
    if not first_link(root, os.path.join(root, ".kiro", "hooks")):
        for path in walk.hook_paths(os.path.join(root, ".kiro", "hooks")):
            if path.endswith(".kiro.hook") and (own or not _is_own(path)):
                yield path
    yield from ide0_storage(environ)


def _is_own(path: str) -> bool:
    return os.path.basename(path) in IDE0_FILES or is_ours(walk.text_of(path))


def _v1_clues(root: str, kiro_home: str, *, own: bool) -> Iterator[str]:
    yield from v1_sessions(kiro_home)
    for _, folder in walk.kiro_folders(root, kiro_home, "hooks"):
        for path in walk.hook_paths(folder):
            document = walk.decoded(walk.text_of(path)) if path.endswith(".json") else None
            is_v1 = isinstance(document, dict) and document.get("version") == "v1"
            if is_v1 and (own or not _is_own(path)):
                yield path


def _cli2_clues(root: str, kiro_home: str) -> Iterator[str]:
    yield from _existing(os.path.join(kiro_home, "sessions", "cli"))
    for _, folder in walk.kiro_folders(root, kiro_home, "agents"):
        yield from walk.json_paths(folder)


def _crew_clues(kiro_home: str, *, own: bool) -> Iterator[str]:
    folder = os.path.join(kiro_home, "crew")
    if own:
        yield from _existing(folder)
        return
    paths = [os.path.join(folder, name) for name in walk.names(folder)]
    yield from (path for path in paths if not _is_own(path))


def _existing(*paths: str) -> Iterator[str]:
    return (path for path in paths if os.path.exists(path))


def choose(request: Request, found: list[Evidence]) -> tuple[tuple[str, ...], list[Step]]:
    """Return the surfaces to install, and lines that say why each is chosen or skipped."""
    if request.surfaces:
        return request.surfaces, []
    scope = request.scope or "workspace"
    lines = [Step("found", "", f"{e.surface}: {shown_path(e.path)} exists") for e in found]
    skips = {e.surface: _why_skipped(e.surface, scope, request.agent) for e in found}
    lines += [Step("skip", "", f"{s}: {why}") for s, why in skips.items() if why]
    chosen = {surface for surface, why in skips.items() if not why}
    if request.agent:
        chosen.add("cli-2")
    if not found:
        both = [surface for surface in ("ide-0", "v1") if not scope_problem(surface, scope)]
        chosen.update(both)
        note = f"no Kiro; installing hooks for {' and '.join(both)}"
        lines.append(Step("found", "", note))
    return tuple(surface for surface in SURFACES if surface in chosen), lines


def _why_skipped(surface: str, scope: str, agent: str | None) -> str:
    if surface == "cli-2" and not agent:
        return _ASK_AGENT
    return scope_problem(surface, scope)
