"""Bars and sparklines, in eighths of a character or in ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL = "█"
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-=+*#@"


def bar(share: float, width: int, *, is_ascii: bool) -> str:
    """Return a bar of `share` (0 to 1) of `width` characters; a share above 0 is visible."""
    share = min(max(share, 0.0), 1.0)
    if is_ascii:
        return "#" * max(round(share * width), int(share > 0))
    eighths = max(round(share * width * 8), int(share > 0))
    full, rest = divmod(eighths, 8)
    return _FULL * full + (_EIGHTHS[rest] if rest else "")


def gauge(share: float, width: int, *, is_ascii: bool) -> str:
    """Return a bar in brackets that shows how much of something is used."""
    return f"[{bar(share, width, is_ascii=is_ascii).ljust(width)}]"


def sparkline(values: Sequence[float | None], *, is_ascii: bool) -> str:
    """Return one character for each value, the lowest for 0 and a blank for an unknown one."""
    levels = _ASCII_LEVELS if is_ascii else _LEVELS
    most = max((value for value in values if value is not None), default=0)
    if most <= 0:
        return "".join(" " if value is None else levels[0] for value in values)
    top = len(levels) - 1
    return "".join(
        " " if value is None else levels[round(max(value, 0) / most * top)] for value in values
    )
