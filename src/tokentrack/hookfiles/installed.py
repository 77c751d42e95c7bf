"""List the hooks that start the recorder, and say of each whether Kiro would run it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.hookfiles import detect, scan
from tokentrack.hookfiles.agent_config import EVENTS
from tokentrack.hookfiles.entries import (
    IDE0_FILES,
    V1_FILE,
    Entry,
    agent_entries,
    entries,
    is_ours,
)
from tokentrack.hookfiles.triggers import LEGACY, TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Iterator

_OUR_FILES = frozenset({*IDE0_FILES, V1_FILE})
_TRIGGERS = {
    "ide-0": frozenset(TRIGGERS["ide-0"]),
    "v1": frozenset(TRIGGERS["v1"]),
    "cli-2": EVENTS,
    "crew": frozenset(TRIGGERS["v1"]),
}


class InstalledHook(NamedTuple):
    """One hook that runs our command; `reason` says why it does not fire."""

    path: str
    scope: str
    surface: str
    trigger: str
    command: str
    enabled: bool
    fires: bool
    reason: str


class _File(NamedTuple):
    path: str
    scope: str
    is_agent: bool = False


def installed_hooks(root: str, kiro_home: str) -> list[InstalledHook]:
    """Return every hook of the workspace and of the user that starts the recorder."""
    v1_in_use = next(detect.v1_sessions(kiro_home), "") != ""
    return [hook for file in _files(root, kiro_home) for hook in _hooks_of(file, v1_in_use)]


def _files(root: str, kiro_home: str) -> Iterator[_File]:
    for scope, folder in scan.kiro_folders(root, kiro_home, "hooks"):
        yield from (_File(path, scope) for path in scan.hook_paths(folder))
    for scope, folder in scan.kiro_folders(root, kiro_home, "agents"):
        yield from (_File(path, scope, is_agent=True) for path in scan.json_paths(folder))
    yield _File(os.path.join(kiro_home, "crew", "hooks.json"), "user")


def _hooks_of(file: _File, v1_in_use: bool) -> Iterator[InstalledHook]:
    if os.path.islink(file.path):
        # A link is not followed, so only its name can say that it is ours.
        if os.path.basename(file.path) in _OUR_FILES:
            yield _unread(file, "Kiro skips symbolic links")
        return
    text = scan.text_of(file.path)
    document = scan.decoded(text)
    if document is None and is_ours(text):
        yield _unread(file, "the file is not JSON")
    for entry in agent_entries(document) if file.is_agent else entries(document):
        if is_ours(entry.command):
            reason = _why_silent(file, entry, v1_in_use)
            where = (file.path, file.scope, entry.surface, entry.trigger, entry.command)
            yield InstalledHook(*where, entry.enabled, fires=not reason, reason=reason)


def _unread(file: _File, reason: str) -> InstalledHook:
    surface = "ide-0" if file.path.endswith(".kiro.hook") else "cli-2" if file.is_agent else "v1"
    return InstalledHook(
        file.path, file.scope, surface, "", "", enabled=True, fires=False, reason=reason
    )


def _why_silent(file: _File, entry: Entry, v1_in_use: bool) -> str:
    if not entry.enabled:
        return "it is disabled"
    if entry.trigger not in _TRIGGERS[entry.surface]:
        known = (
            "no released Kiro fires"
            if entry.trigger in LEGACY
            else f"{entry.surface} has no trigger"
        )
        return f'{known} "{entry.trigger}": run `tokentrack init`'
    if entry.surface == "ide-0":
        return _why_ide0_silent(file, v1_in_use)
    if entry.surface == "v1" and not file.path.endswith(".json"):
        return "Kiro reads v1 hooks from .json files only"
    if entry.surface == "cli-2" and entry.nested:
        return "Kiro CLI drops an agent whose hooks are nested"
    return ""


def _why_ide0_silent(file: _File, v1_in_use: bool) -> str:
    if not file.path.endswith(".kiro.hook"):
        return "IDE 0.x reads .kiro.hook files only"
    if file.scope == "user":
        return "IDE 0.x reads hook files from a workspace only"
    if v1_in_use:
        return "IDE 1.x is in use here and ignores .kiro.hook files"
    return ""
