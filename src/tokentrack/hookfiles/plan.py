"""What `init` and `uninstall` are about to do, as data, and how one step reads on a line."""

from __future__ import annotations

import os
from typing import NamedTuple

from tokentrack.common.terminal import escape
from tokentrack.errors import TokenTrackError


class RefusedError(TokenTrackError):
    """A step that must not be done; the text is the reason, without the path."""


class Action(NamedTuple):
    """One step of a plan: `before` and `after` are a file's bytes, None where there is no file."""

    verb: str  # found, create, update, remove, keep, skip, refuse or warn
    path: str  # absolute; empty for a step that is about no one file
    note: str
    base: str = ""  # the folder below which no link is followed
    before: bytes | None = None
    after: bytes | None = None
    backup: str = ""  # where the bytes before are kept


class Edit(NamedTuple):
    """A changed text, what was done in it, and what was left because the user changed it."""

    text: str
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


WRITES = frozenset({"create", "update", "remove"})


def shown_path(path: str) -> str:
    """Return a path as the user would name it: relative to the current folder when below it."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):  # another drive, or the current folder is gone
        relative = os.pardir
    outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
    return escape(path if outside else relative)


def line(action: Action) -> str:
    """Return the one line that tells the user about a step."""
    note = escape(action.note)
    if action.verb == "warn":
        return f"warning: {note}"
    return (
        f"{action.verb} {shown_path(action.path)} ({note})"
        if action.path
        else f"{action.verb} {note}"
    )


def writes(actions: list[Action]) -> list[Action]:
    """Return the steps that change something on disk."""
    return [action for action in actions if action.verb in WRITES]


def refused(actions: list[Action]) -> list[Action]:
    """Return the steps that must not be done."""
    return [action for action in actions if action.verb == "refuse"]
