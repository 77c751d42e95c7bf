"""Problems of a hook file, as values: problems without a line, and findings with one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tokentrack.common.terminal import quote

Level = Literal["error", "warning"]
KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[\w$-]{1,60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file, before its line is known.

    Attributes:
        level: how bad it is.
        message: what is wrong.
        fix: what to do next.
        keys: its place in the JSON, None for the file as a whole.
        line: its line, only where there is no JSON to find it in.
    """

    level: Level
    message: str
    fix: str
    keys: KeyPath | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class FileFinding:
    """Something wrong, with everything that is needed to fix it."""

    path: str
    line: int | None
    key: str
    level: Level
    message: str
    fix: str


def error(keys: KeyPath | None, message: str, fix: str, line: int | None = None) -> Problem:
    """Make a problem that keeps Kiro from running the hook."""
    return Problem("error", message, fix, keys, line)


def warning(keys: KeyPath | None, message: str, fix: str, line: int | None = None) -> Problem:
    """Make a problem that Kiro tolerates but that the user does not expect."""
    return Problem("warning", message, fix, keys, line)


def key_text(keys: KeyPath | None) -> str:
    """Write a key path in the usual way: `hooks[0].action.type`."""
    text = ""
    for key in keys or ():
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key if _PLAIN_KEY.fullmatch(key) else quote(key)}"
    return text.removeprefix(".")
