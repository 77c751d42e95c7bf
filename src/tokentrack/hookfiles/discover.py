"""Find hook files, and signs of the IDE that would read them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokentrack.hookfiles.detect import v1_sessions
from tokentrack.hookfiles.files import unreadable
from tokentrack.workspace import kiro_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentrack.hookfiles.findings import Problem

_KIRO_FOLDER = re.compile(r"[/\\]\.kiro[/\\](hooks|agents)[/\\]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to check, or a folder that cannot be listed, with the `problem` that says why."""

    path: str
    problem: Problem | None = None


def default_places() -> list[str]:
    """Return the folders from which Kiro reads hooks: those of the workspace, then the user's."""
    roots = (".kiro", kiro_home(os.environ))
    return [os.path.join(root, name) for root in roots for name in ("hooks", "agents")]


def detect_ide_major() -> int | None:
    """Return 1 when this machine shows signs of Kiro IDE 1.x, else None.

    The sign is its session store. Kiro CLI 3 writes the same one, so it is a hint and no proof.
    """
    return 1 if next(v1_sessions(kiro_home(os.environ)), None) else None


def is_misnamed(path: str) -> bool:
    """Tell a copy like `x.kiro copy.hook`, which looks like a hook file to everyone but Kiro."""
    return path.endswith(".hook") and not path.endswith(".kiro.hook")


def candidates(paths: Iterable[str]) -> Iterator[Candidate]:
    """Yield each file that is named or lies in a named folder, once, in a stable order."""
    seen = set()
    for root in paths:
        for candidate in _below(root) if os.path.isdir(root) else [Candidate(root)]:
            identity = _identity(candidate.path)
            if identity not in seen:
                seen.add(identity)
                yield candidate


def _identity(path: str) -> str:
    # A link and its target are two hook files; the folder's own spelling does not matter.
    folder, name = os.path.split(path)
    try:
        return os.path.join(os.path.realpath(folder), name)
    except OSError:
        return path


def _below(root: str) -> Iterator[Candidate]:
    is_workspace = _is_workspace(root)
    refused: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=refused.append):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            is_json = name.endswith(".json") and (not is_workspace or _inside_kiro_folder(path))
            if is_json or name.endswith(".hook"):
                yield Candidate(path)
    for problem in refused:
        yield Candidate(problem.filename, problem=unreadable(problem))


def _is_workspace(folder: str) -> bool:
    return os.path.basename(absolute(folder)) == ".kiro" or os.path.isdir(
        os.path.join(folder, ".kiro")
    )


def _inside_kiro_folder(path: str) -> bool:
    # A workspace is full of JSON that has nothing to do with hooks.
    return _KIRO_FOLDER.search(absolute(path)) is not None


def absolute(path: str) -> str:
    """Return a path with its folders, as far as the current folder still exists."""
    try:
        return os.path.abspath(path)
    except OSError:
        return path
