"""The plans of `init`, `uninstall` and `migrate-hooks`: steps as values, and as lines of text."""

from __future__ import annotations

import os
from typing import NamedTuple

from tokentrack.common.terminal import escape
from tokentrack.errors import TokenTrackError


class RefusedError(TokenTrackError):
    """A step is refused; the text is the reason, without the path."""


class Step(NamedTuple):
    """A step of a plan; `before` and `after` are a file's bytes, None where there is no file."""

    verb: str  # found, create, update, remove, keep, skip, refuse or warn
    path: str  # absolute; "" for a step that is not about a file
    note: str
    base: str = ""  # a trusted folder, below which no link is followed
    before: bytes | None = None
    after: bytes | None = None
    backup: str = ""  # the file for the bytes before


class Edit(NamedTuple):
    """A changed text, what was changed, and what was not because the user has changed it."""

    text: str
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


WRITES = frozenset({"create", "update", "remove"})


def shown_path(path: str) -> str:
    """Return a path for messages: relative if it is below the current folder."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):  # another drive, or the current folder is gone
        relative = os.pardir
    outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
    return escape(path if outside else relative)


def line(step: Step) -> str:
    """Return the line that shows a step to the user."""
    note = escape(step.note)
    if step.verb == "warn":
        return f"warning: {note}"
    return f"{step.verb} {shown_path(step.path)} ({note})" if step.path else f"{step.verb} {note}"


def writes(steps: list[Step]) -> list[Step]:
    """Return the steps that write or remove something."""
    return [step for step in steps if step.verb in WRITES]


def refused(steps: list[Step]) -> list[Step]:
    """Return the steps that are refused."""
    return [step for step in steps if step.verb == "refuse"]
