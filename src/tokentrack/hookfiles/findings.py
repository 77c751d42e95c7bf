"""Findings: what was found wrong, as values."""

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
    """Something wrong in one file, before its line is known.

    `keys` is the place in the JSON, None for the file as a whole; `line` is given only where
    there is no JSON to find it in.
    """

    level: Level
    message: str
    hint: str
    keys: KeyPath | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, with everything a reader needs to mend it."""

    path: str
    line: int | None
    key: str
    level: Level
    message: str
    hint: str


def error(keys: KeyPath | None, message: str, hint: str, line: int | None = None) -> Problem:
    """Make a problem that keeps Kiro from running the hook."""
    return Problem("error", message, hint, keys, line)


def warning(keys: KeyPath | None, message: str, hint: str, line: int | None = None) -> Problem:
    """Make a problem that Kiro tolerates but that surprises its user."""
    return Problem("warning", message, hint, keys, line)


def key_text(keys: KeyPath | None) -> str:
    """Write a key path as people do: `hooks[0].action.type`."""
    text = ""
    for key in keys or ():
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key if _PLAIN_KEY.fullmatch(key) else quote(key)}"
    return text.removeprefix(".")
