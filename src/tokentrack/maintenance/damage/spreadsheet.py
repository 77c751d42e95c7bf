"""Undo what a spreadsheet does to the cells of a ledger: dates, numbers, flags.

A spreadsheet shows a time in its own format and a number in as many digits as fit into the column,
and saves what it shows. The times it saves are those of the ledger, which are UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import format_us, from_datetime
from tokentrack.models.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIME = COLUMNS.index("timestamp")
_TOKENS = COLUMNS.index("tokens_used")
_ELAPSED = COLUMNS.index("elapsed_time")
_ERROR = COLUMNS.index("error_occurred")

_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)? ?([AaPp][Mm])?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}})[ ]{_CLOCK}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([./])(\d{{1,2}})\2(\d{{4}}|\d\d) {_CLOCK}")
_SERIAL = re.compile(r"(\d{5})(?:[.,](\d{1,12}))?")
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_SHORT = re.compile(r"(\d{1,3})(?:[.,](\d+))?[eE]\+?(\d{1,2})")
_WITH_ZERO = re.compile(r"(\d+)[.,]0")
_FLAGS = {
    **dict.fromkeys(("true", "wahr", "vrai", "verdadero", "vero", "waar"), "true"),
    **dict.fromkeys(("false", "falsch", "faux", "falso", "onwaar"), "false"),
}
_SLASHED = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?\"?(\d{1,2})/(\d{1,2})/\d{2}")
_ZONE = re.compile(r"(?:Z|[+-]\d\d:\d\d)$")


class Undone(NamedTuple):
    """The cells of a record as the ledger has them, and which kinds of changes were undone."""

    cells: list[str]
    kinds: list[str]


DATE = "a date rewritten by a spreadsheet"
NUMBER = "a number rewritten by a spreadsheet"
ROUNDED = "a number shortened by a spreadsheet, so perhaps rounded"
FLAG = "TRUE or FALSE as a spreadsheet writes it"


def day_comes_first(data: bytes) -> bool | None:
    """Tell the order of `1/2/2026` from the other dates of a file, None when they do not tell."""
    dates = [(int(match[1]), int(match[2])) for match in _SLASHED.finditer(data)]
    day_first = any(first > 12 for first, _ in dates)
    month_first = any(second > 12 for _, second in dates)
    return day_first if day_first != month_first else None


def undo(cells: Sequence[str], *, day_first: bool | None, naive_is_utc: bool) -> Undone:
    """Undo what a spreadsheet did to the cells of a ledger row; other cells stay as they are.

    Args:
        cells: the twelve cells.
        day_first: whether `1/2/2026` is in February; None leaves such a date as it is.
        naive_is_utc: whether a spreadsheet removed the zone from times without one.
    """
    undone = list(cells)
    kinds: list[str] = []
    readers = (
        (_TIME, DATE, lambda text: _time(text, day_first=day_first, naive_is_utc=naive_is_utc)),
        (_TOKENS, ROUNDED, _shortened),
        (_TOKENS, NUMBER, _whole),
        (_ELAPSED, NUMBER, _duration),
        (_ERROR, FLAG, _flag),
    )
    for column, kind, read in readers:
        text = read(undone[column])
        if text is not None and text != undone[column]:
            undone[column] = text
            kinds.append(kind)
    return Undone(undone, kinds)


def _time(text: str, *, day_first: bool | None, naive_is_utc: bool) -> str | None:
    is_iso = len(text) >= 19 and re.match(r"\d{4}-\d\d-\d\d[ T]", text) is not None
    if is_iso and (_ZONE.search(text) or not naive_is_utc):
        return None  # readable as it is
    try:
        moment = _moment(text.strip(), day_first)
    except (ValueError, OverflowError):
        return None
    return None if moment is None else format_us(from_datetime(moment))


def _moment(text: str, day_first: bool | None) -> datetime | None:
    if found := _YEAR_FIRST.fullmatch(text):
        return _at(found[1], found[2], found[3], found.groups()[3:])
    if found := _YEAR_LAST.fullmatch(text):
        is_day_first = True if found[2] == "." else _order(found, day_first)
        if is_day_first is None:
            return None
        day, month = (found[1], found[3]) if is_day_first else (found[3], found[1])
        year = found[4] if len(found[4]) == 4 else f"20{found[4]}"
        return _at(year, month, day, found.groups()[4:])
    if found := _SERIAL.fullmatch(text):
        days = float(f"{found[1]}.{found[2] or 0}")
        # Twelve decimals of a day hold milliseconds; the rest is the spreadsheet's rounding.
        return _DAY_ZERO + timedelta(milliseconds=round(days * 86_400_000))
    return None


def _order(found: re.Match[str], day_first: bool | None) -> bool | None:
    if int(found[1]) > 12 or int(found[3]) > 12:
        return int(found[1]) > 12
    return day_first


def _at(year: str, month: str, day: str, clock: Sequence[str | None]) -> datetime:
    hour, minute, second, fraction, half = clock
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    micros = int((fraction or "0").ljust(6, "0"))
    return datetime(
        int(year), int(month), int(day), hours, int(minute or 0), int(second or 0), micros, UTC
    )


def _shortened(text: str) -> str | None:
    found = _SHORT.fullmatch(text)
    if found is None:
        return None
    decimals = found[2] or ""
    zeros = int(found[3]) - len(decimals)
    return str(int(found[1] + decimals + "0" * zeros)) if zeros >= 0 else None


def _whole(text: str) -> str | None:
    found = _WITH_ZERO.fullmatch(text)
    return found[1] if found else None


def _duration(text: str) -> str | None:
    return text.replace(",", ".") if re.fullmatch(r"\d+,\d+(?:[eE][+-]?\d+)?", text) else None


def _flag(text: str) -> str | None:
    return _FLAGS.get(text.lower())
