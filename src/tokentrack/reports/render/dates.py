"""Days as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.reports import calendar

if TYPE_CHECKING:
    from tokentrack.reports.zones import Zone

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def date_text(day: int) -> str:
    """Return a day as `Wed 17 Dec 2025`."""
    year, month, day_of_month = calendar.civil(day)
    weekday = _WEEKDAYS[calendar.weekday_of(day) - 1]
    return f"{weekday} {day_of_month} {_MONTHS[month - 1]} {year}"


def days_text(first: int, last: int) -> str:
    """Return days as `1–17 Nov`, or `30 Oct – 4 Nov`."""
    if calendar.month_of(first) != calendar.month_of(last):
        return f"{days_text(first, first)} – {days_text(last, last)}"
    _, month, since = calendar.civil(first)
    until = calendar.civil(last)[2]
    days = f"{since}" if since == until else f"{since}–{until}"
    return f"{days} {_MONTHS[month - 1]}"


def span_text(first: int, last: int) -> str:
    """Return days as `1–28 Nov 2026`, `25 Oct – 3 Nov 2026` or, of two years, with both."""
    years = [calendar.civil(day)[0] for day in (first, last)]
    if calendar.month_of(first) == calendar.month_of(last):
        return f"{days_text(first, last)} {years[0]}"
    ends = [days_text(day, day) for day in (first, last)]
    if years[0] != years[1]:
        ends[0] += f" {years[0]}"
    return f"{ends[0]} – {ends[1]} {years[1]}"


def period_text(since: int | None, until: int | None, zone: Zone, now: int) -> str:
    """Return a time as its days, up to today if it has no end; `all time` if it has no edges.

    Args:
        since: where it begins, in microseconds since the epoch.
        until: where it ends.
        zone: whose days they are.
        now: the time.
    """
    last = zone.local_day(now if until is None else until - 1)
    if since is None:
        return "all time" if until is None else f"up to {span_text(last, last)}"
    first = zone.local_day(since)
    if since != zone.start_of(first) or first > last:
        return since_text(since, zone, now)
    return span_text(first, last)


def since_text(since: int, zone: Zone, now: int) -> str:
    """Return the beginning of a time as `since 1 Nov`, with its year or hour where needed."""
    day = zone.local_day(since)
    is_of_this_year = calendar.civil(day)[0] == calendar.civil(zone.local_day(now))[0]
    date = days_text(day, day) if is_of_this_year else span_text(day, day)
    minutes = (since - zone.start_of(day)) // 60_000_000
    return f"since {date} {minutes // 60:02}:{minutes % 60:02}" if minutes else f"since {date}"
