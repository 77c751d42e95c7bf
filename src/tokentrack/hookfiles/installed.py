"""List the installed hooks that start the recorder, and whether Kiro would run each of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.hookfiles import detect, walk
from tokentrack.hookfiles.entries import (
    IDE0_FILES,
    V1_FILE,
    Entry,
    agent_entries,
    entries,
    is_ours,
    missing_program,
)
from tokentrack.hookfiles.merge import EVENTS
from tokentrack.hookfiles.triggers import LEGACY, TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OUR_FILES = frozenset({*IDE0_FILES, V1_FILE})
_TRIGGERS = {
    "ide-0": frozenset(TRIGGERS["ide-0"]),
    "v1": frozenset(TRIGGERS["v1"]),
    "cli-2": EVENTS,
    "crew": frozenset(TRIGGERS["v1"]),
}

# Why a hook does not fire.
DISABLED, TRIGGER, PROGRAM = "disabled", "trigger", "program"
NAME, SCOPE, INERT = "file-name", "scope", "inert"
NESTED, LINK, SYNTAX = "nested", "link", "syntax"


class InstalledHook(NamedTuple):
    """One hook that runs our command.

    Attributes:
        path: its file.
        scope: workspace or user.
        surface: the surface that its form is for.
        trigger: as written in the file.
        command: as written in the file.
        enabled: whether it is enabled.
        fires: whether Kiro would run it, as far as the files tell.
        reason: why it does not fire, "" when it does.
        note: what might keep it from firing, "" if nothing is known.
        cause: the reason in one word, "" when it fires.
    """

    path: str
    scope: str
    surface: str
    trigger: str
    command: str
    enabled: bool
    fires: bool
    reason: str
    note: str = ""
    cause: str = ""


class _File(NamedTuple):
    path: str
    scope: str
    is_agent: bool = False


class _Traces(NamedTuple):
    # Which engines have left files here, and the folder from which relative paths start.
    v1: bool
    ide0: bool
    root: str


def installed_hooks(
    root: str, kiro_home: str, environ: Mapping[str, str] = os.environ
) -> list[InstalledHook]:
    """Return each hook of the workspace and of the user that starts the recorder."""
    traces = _Traces(
        next(detect.v1_sessions(kiro_home), "") != "",
        next(detect.ide0_storage(environ), "") != "",
        root,
    )
    return [hook for file in _files(root, kiro_home) for hook in _hooks_of(file, traces)]


def _files(root: str, kiro_home: str) -> Iterator[_File]:
    for scope, folder in walk.kiro_folders(root, kiro_home, "hooks"):
        yield from (_File(path, scope) for path in walk.hook_paths(folder))
    for scope, folder in walk.kiro_folders(root, kiro_home, "agents"):
        yield from (_File(path, scope, is_agent=True) for path in walk.json_paths(folder))
    yield _File(os.path.join(kiro_home, "crew", "hooks.json"), "user")


def _hooks_of(file: _File, traces: _Traces) -> Iterator[InstalledHook]:
    if os.path.islink(file.path):
        # A link is not followed, so it can only be recognised by its name.
        if os.path.basename(file.path) in _OUR_FILES:
            yield _unread(file, LINK, "Kiro ignores symbolic links")
        return
    text = walk.text_of(file.path)
    document = walk.decoded(text)
    if document is None and is_ours(text):
        yield _unread(file, SYNTAX, "the file is not JSON")
    found = agent_entries(document) if file.is_agent else entries(document)
    is_nested = any(entry.nested for entry in found)
    for entry in found:
        if is_ours(entry.command):
            cause, reason = _why_silent(file, entry, traces, is_nested=is_nested)
            where = (file.path, file.scope, entry.surface, entry.trigger, entry.command)
            note = "" if reason else _note(entry, traces)
            yield InstalledHook(*where, entry.enabled, not reason, reason, note, cause)


def _unread(file: _File, cause: str, reason: str) -> InstalledHook:
    surface = "cli-2" if file.is_agent else "v1"
    if file.path.endswith(".kiro.hook"):
        surface = "ide-0"
    elif os.path.basename(os.path.dirname(file.path)) == "crew":
        surface = "crew"
    where = (file.path, file.scope, surface, "", "")
    return InstalledHook(*where, enabled=True, fires=False, reason=reason, cause=cause)


def _why_silent(file: _File, entry: Entry, traces: _Traces, *, is_nested: bool) -> tuple[str, str]:
    if not entry.enabled:
        return DISABLED, "it is disabled"
    if is_nested:
        return NESTED, "Kiro CLI ignores an agent whose hooks are nested"
    if entry.trigger not in _TRIGGERS[entry.surface]:
        is_old = entry.trigger in LEGACY
        who = "no released Kiro fires" if is_old else f"{entry.surface} has no trigger"
        return TRIGGER, f'{who} "{entry.trigger}"'
    if entry.surface == "v1" and not file.path.endswith(".json"):
        return NAME, "Kiro reads v1 hooks only from .json files"
    if entry.surface == "ide-0":
        cause, reason = _why_ide0_silent(file, traces)
        if cause:
            return cause, reason
    program = missing_program(entry.command, traces.root)
    return (PROGRAM, f"its program {program} can't be started") if program else ("", "")


def _why_ide0_silent(file: _File, traces: _Traces) -> tuple[str, str]:
    if not file.path.endswith(".kiro.hook"):
        return NAME, "IDE 0.x reads only .kiro.hook files"
    if file.scope == "user":
        return SCOPE, "IDE 0.x reads hooks only from a workspace"
    if traces.v1 and not traces.ide0:
        return INERT, "only IDE 0.x reads this file, and no IDE 0.x was detected"
    return "", ""


def _note(entry: Entry, traces: _Traces) -> str:
    # CLI 3 writes the same sessions as IDE 1.x, and an update to 1.x keeps IDE 0.x's storage.
    is_unsure = entry.surface == "ide-0" and traces.v1
    return "inert if your IDE is 1.0 or newer" if is_unsure else ""
