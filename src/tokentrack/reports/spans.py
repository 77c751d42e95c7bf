"""From when until when: the words that people use, as local days or exact times."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.reports import calendar
from tokentrack.reports.span import Span
from tokentrack.reports.zones import SECOND

if TYPE_CHECKING:
    from tokentrack.reports.zones import Zone

ALL = "all"
WORDS = (
    ALL, "today", "yesterday", "this-week", "last-week", "this-month", "last-month", "this-year",
    "last-year",
)  # fmt: skip

When = str | date | None


def find_span(since: When, until: When, zone: Zone, now: int | None = None) -> Span:
    """Return the span from one word, date or time to another one.

    Words are `all`, `today`, `yesterday`, `this-week`, `last-week`, `this-month`, `last-month`,
    `this-year`, and `7d`, `24h` or `2w` before now; days count today, so that `7d` are seven
    local days. Dates, months such as `2026-11`, and words are whole as an end: the end of
    `last-month` is its last day.

    Raises:
        ValidationError: one of them is not such a word, date or time, or the end is not after
            the beginning.
    """
    now = time.time_ns() // 1000 if now is None else now
    first, at = _edge("since", since, zone, now)
    last, end = _edge("until", until, zone, now)
    span = Span(first and first[0], last and last[1], at, end)
    begin, finish = bounds_of(span, zone)
    if begin is not None and finish is not None and begin >= finish:
        raise ValidationError(
            [f"until {until} is before since {since}: give an earlier since, such as all"]
        )
    return span


def _edge(
    name: str, value: When, zone: Zone, now: int
) -> tuple[tuple[int, int] | None, int | None]:
    # Days from one to another, or a time.
    if value is None or value == ALL:
        return None, None
    if isinstance(value, datetime):
        return None, timestamps.from_datetime(value)
    if isinstance(value, date):
        return (value.toordinal(), value.toordinal()), None
    today = zone.local_day(now)
    days = _period(value, today) or _days_ago(value, today)
    try:
        if days is None and len(value) == len("2026-01"):
            day = date.fromisoformat(f"{value}-01").toordinal()
            days = day, calendar.first_day_of(calendar.month_of(day) + 1) - 1
        elif days is None and len(value) == len("2026-01-31"):
            day = date.fromisoformat(value).toordinal()
            days = day, day
        return (days, None) if days else (None, _time(value, zone, now))
    except ValueError:
        from tokentrack.common.suggestions import nearest

        close = nearest(value, WORDS)
        hint = f": did you mean {close!r}?" if close else ""
        words = "7d, yesterday or last-month"
        raise ValidationError(
            [f"{name} must be a date, a time or a word such as {words}, not {value[:60]!r}{hint}"]
        ) from None


def _period(word: str, today: int) -> tuple[int, int] | None:
    if word in {"today", "yesterday"}:
        day = today - (word == "yesterday")
        return day, day
    which, _, unit = word.partition("-")
    if which not in {"this", "last"} or unit not in {"week", "month", "year"}:
        return None
    back = which == "last"
    if unit == "week":
        monday = today + 1 - calendar.weekday_of(today) - 7 * back
        return monday, monday + 6
    months = 1 if unit == "month" else 12
    month = calendar.month_of(today) // months * months - months * back
    return calendar.first_day_of(month), calendar.first_day_of(month + months) - 1


def _days_ago(word: str, today: int) -> tuple[int, int] | None:
    days = {"d": 1, "w": 7}.get(word[-1:])
    if days is None or not word[:-1].isdecimal() or len(word) > 6:
        return None
    day = today + 1 - int(word[:-1]) * days
    return (day, day) if day <= today else None  # `0d` would be tomorrow


def _time(text: str, zone: Zone, now: int) -> int:
    if text[-1:] == "h" and text[:-1].isdecimal() and len(text) < 8:
        return now - int(text[:-1]) * 3600 * SECOND
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return timestamps.from_datetime(moment)
    # The first time at which the clocks of the zone show it.
    day = calendar.day_number(moment.year, moment.month, moment.day)
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return zone.first_at(day, seconds * SECOND + moment.microsecond)


def bounds_of(span: Span, zone: Zone) -> tuple[int | None, int | None]:
    """Return the times where a span begins and ends."""
    since = span.since if span.first_day is None else zone.start_of(span.first_day)
    until = span.until if span.last_day is None else zone.start_of(span.last_day + 1)
    return since, until
