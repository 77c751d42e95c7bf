"""Find and read hook files: bounded, through no linked folder, and past every broken file."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack import workspace
from tokentrack.hookfiles.edit_files import first_link, read_file
from tokentrack.hookfiles.plan import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_NAMES = 2000
_MAX_DEPTH = 4
_KIRO_FOLDER = re.compile(r"[/\\]\.kiro[/\\](hooks|agents)[/\\]")


def files_below(
    top: str,
    *,
    most_names: int | None = None,
    deepest: int = sys.maxsize,
    refused: list[OSError] | None = None,
) -> Iterator[str]:
    """Yield the paths of what is in a folder and its subfolders, without the folders themselves.

    A folder's own files come before those of its subfolders, both sorted by name. A link to a
    folder is not followed.

    Args:
        top: the folder.
        most_names: how many entries of a folder are looked at.
        deepest: how many levels of subfolders are looked at.
        refused: gets the errors of folders that can't be listed.
    """
    folders = [(top, 0)]
    while folders:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)[:most_names]
        except OSError as error:
            if refused is not None:
                refused.append(error)
            continue
        inner = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.path)
            else:
                yield entry.path
        if depth < deepest:
            folders += [(path, depth + 1) for path in reversed(inner)]


# --- Kiro's own folders, as init, uninstall, status and doctor read them ---


def kiro_folders(root: str, kiro_home: str, name: str) -> list[tuple[str, str]]:
    """Return the scopes that have a folder `name` of their own, and its path.

    A linked folder of a workspace is left out: in a cloned one it could lead anywhere.
    """
    own, user = os.path.join(root, ".kiro", name), os.path.join(kiro_home, name)
    if os.path.realpath(own) == os.path.realpath(user) or first_link(root, own):
        return [("user", user)]
    return [("workspace", own), ("user", user)]


def names(folder: str) -> list[str]:
    """Return the sorted names in a folder, none when it cannot be listed."""
    try:
        return sorted(os.listdir(folder))[:_MAX_NAMES]
    except OSError:
        return []


def hook_paths(folder: str) -> Iterator[str]:
    """Yield the paths that look like hook files in a folder and its subfolders."""
    for path in files_below(folder, most_names=_MAX_NAMES, deepest=_MAX_DEPTH):
        if path.endswith((".json", ".kiro.hook")):
            yield path


def json_paths(folder: str) -> list[str]:
    """Return the JSON files directly in a folder."""
    return [os.path.join(folder, name) for name in names(folder) if name.endswith(".json")]


def text_of(path: str) -> str:
    """Return a file's text, "" when it cannot be read."""
    try:
        return (read_file(path) or b"").decode("utf-8", "replace")
    except RefusedError:
        return ""


def decoded(text: str) -> Any:
    """Return the value of a JSON text, None when it is not JSON."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


# --- the paths that validate-hooks is given ---


class Candidate(NamedTuple):
    """A file to check, or a folder that cannot be listed, with its `error`."""

    path: str
    error: OSError | None = None


def default_folders() -> list[str]:
    """Return the folders from which Kiro reads hooks: those of the workspace, then the user's."""
    roots = (".kiro", workspace.kiro_home(os.environ))
    return [os.path.join(root, name) for root in roots for name in ("hooks", "agents")]


def candidates(paths: Iterable[str]) -> Iterator[Candidate]:
    """Yield each named file, and the hook files in each named folder, once, in a stable order."""
    seen = set()
    for root in paths:
        for candidate in _candidates_below(root) if os.path.isdir(root) else [Candidate(root)]:
            identity = _identity(candidate.path)
            if identity not in seen:
                seen.add(identity)
                yield candidate


def is_misnamed(path: str) -> bool:
    """Tell whether a file, like `x.kiro copy.hook`, only looks like a hook file to Kiro."""
    return path.endswith(".hook") and not path.endswith(".kiro.hook")


def absolute(path: str) -> str:
    """Return a path with its folders, as far as the current folder still exists."""
    try:
        return os.path.abspath(path)
    except OSError:
        return path


def _identity(path: str) -> str:
    # A link and its target are two hook files; two spellings of a folder are one.
    folder, name = os.path.split(path)
    try:
        return os.path.join(os.path.realpath(folder), name)
    except OSError:
        return path


def _candidates_below(root: str) -> Iterator[Candidate]:
    is_workspace = _is_workspace(root)
    refused: list[OSError] = []
    for path in files_below(root, refused=refused):
        is_json = path.endswith(".json") and (not is_workspace or _inside_kiro_folder(path))
        if is_json or path.endswith(".hook"):
            yield Candidate(path)
    for error in refused:
        yield Candidate(error.filename, error)


def _is_workspace(folder: str) -> bool:
    return os.path.basename(absolute(folder)) == ".kiro" or os.path.isdir(
        os.path.join(folder, ".kiro")
    )


def _inside_kiro_folder(path: str) -> bool:
    # A workspace is full of JSON that has nothing to do with hooks.
    return _KIRO_FOLDER.search(absolute(path)) is not None
