"""The capabilities of a stream: its width, characters and colours."""

from __future__ import annotations

import os
import unicodedata
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_WIDTH, MAX_WIDTH = 40, 200
_PIPE_WIDTH = 100  # where there is no terminal to ask
_NEEDED = "█▏▁─…–·±"  # what bars, rules and unknown values are drawn with
COLOURS = {"red": "31", "yellow": "33", "dim": "2", "bold": "1"}


class Screen(NamedTuple):
    """How lines are drawn.

    Attributes:
        width: columns.
        is_ascii: whether only ASCII may be used.
        has_colour: whether colours may be used.
    """

    width: int = 80
    is_ascii: bool = False
    has_colour: bool = False

    def paint(self, text: str, colour: str) -> str:
        """Return a text in a colour; colour only repeats what the text says."""
        if not self.has_colour or not colour or not text:
            return text
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"

    def plain(self, text: str) -> str:
        """Return a text of the program's own with ASCII in place of signs that can't be shown."""
        return text.translate(_ASCII) if self.is_ascii else text


_ASCII = str.maketrans({
    "·": "|", "–": "-", "…": "~", "─": "-", "±": "+-", "×": "x", "█": "#", "→": ">",
})  # fmt: skip


def screen_of(
    stream: IO[Any], environ: Mapping[str, str], *, colour: str = "auto", is_ascii: bool = False
) -> Screen:
    """Return what a stream can show.

    Args:
        stream: usually standard output.
        environ: `COLUMNS`, `NO_COLOR` and `TERM` are used.
        colour: `auto`, `always` or `never`.
        is_ascii: whether the user asked for ASCII.
    """
    is_terminal = stream.isatty()
    width = _PIPE_WIDTH
    if environ.get("COLUMNS", "").isdecimal():
        width = int(environ["COLUMNS"])
    elif is_terminal:
        width = _terminal_width(stream) or _PIPE_WIDTH
    may_colour = is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Screen(
        max(MIN_WIDTH, min(width, MAX_WIDTH)),
        is_ascii or not _can_encode(getattr(stream, "encoding", None)),
        {"always": True, "never": False}.get(colour, may_colour),
    )


def _terminal_width(stream: IO[Any]) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 0


def _can_encode(encoding: str | None) -> bool:
    try:
        _NEEDED.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def width_of(text: str) -> int:
    """Return how many columns a text takes: two for a wide character, none for a mark."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def shorten(text: str, width: int, *, in_the_middle: bool = False, mark: str = "…") -> str:
    """Return a text in at most `width` columns, cut at its end or in its middle."""
    if width_of(text) <= width:
        return text
    room = max(0, width - len(mark))
    left = room - room // 2 if in_the_middle else room
    end = _last(text, room - left) if in_the_middle else ""
    return (_first(text, left) + mark + end)[: max(width, 0)] if width > 0 else ""


def _first(text: str, width: int) -> str:
    taken = 0
    for number, char in enumerate(text):
        taken += _columns(char)
        if taken > width:
            return text[:number]
    return text


def _last(text: str, width: int) -> str:
    return _first(text[::-1], width)[::-1]


def pad(text: str, width: int, *, is_number: bool = False) -> str:
    """Return a text filled up to `width` columns: numbers at the right, others at the left."""
    fill = " " * max(0, width - width_of(text))
    return fill + text if is_number else text + fill
