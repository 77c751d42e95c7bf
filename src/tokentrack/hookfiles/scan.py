"""Look through Kiro's folders: bounded, through no link, and past every broken file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tokentrack.hookfiles.files import first_link, read_file
from tokentrack.hookfiles.plan import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_FILES = 2000
_MAX_DEPTH = 4


def names(folder: str) -> list[str]:
    """Return the sorted names in a folder, none when it cannot be listed."""
    try:
        return sorted(os.listdir(folder))[:_MAX_FILES]
    except OSError:
        return []


def kiro_folders(root: str, kiro_home: str, name: str) -> list[tuple[str, str]]:
    """Return the scopes that have a folder `name` of their own, and its path.

    What a workspace links to is not read, for a cloned one could link to anything.
    """
    workspace, user = os.path.join(root, ".kiro", name), os.path.join(kiro_home, name)
    if os.path.realpath(workspace) == os.path.realpath(user) or first_link(root, workspace):
        return [("user", user)]
    return [("workspace", workspace), ("user", user)]


def hook_paths(folder: str, depth: int = _MAX_DEPTH) -> Iterator[str]:
    """Yield the paths that look like hook files in a folder and its sub-folders."""
    for name in names(folder):
        path = os.path.join(folder, name)
        if name.endswith((".json", ".kiro.hook")):
            yield path
        elif depth and os.path.isdir(path) and not os.path.islink(path):
            yield from hook_paths(path, depth - 1)


def json_paths(folder: str) -> list[str]:
    """Return the JSON files that lie directly in a folder."""
    return [os.path.join(folder, name) for name in names(folder) if name.endswith(".json")]


def text_of(path: str) -> str:
    """Return a file's text, "" when it cannot be read."""
    try:
        return (read_file(path) or b"").decode("utf-8", "replace")
    except RefusedError:
        return ""


def decoded(text: str) -> Any:
    """Return the decoded JSON of a text, None when it is none."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
