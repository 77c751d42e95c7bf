"""Days as people read them."""

from __future__ import annotations

from tokentrack.reports import calendar

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def date_text(day: int) -> str:
    """Return a day as `Wed 17 Dec 2025`."""
    year, month, day_of_month = calendar.civil(day)
    weekday = _WEEKDAYS[calendar.weekday_of(day) - 1]
    return f"{weekday} {day_of_month} {_MONTHS[month - 1]} {year}"


def days_text(first: int, last: int) -> str:
    """Return days of one month as `1–17 Nov`."""
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
