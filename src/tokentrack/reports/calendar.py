"""Days as numbers, and the names of days, weeks and months.

Day 1 is 1 January of the year 1, a Monday, as in `datetime.date.toordinal`; but days before it and
after the year 9999 have numbers too, since a zone can shift a time there. A month's number counts
the months since January of the year 0.
"""

from __future__ import annotations

_DAYS_BEFORE_MARCH_OF_0 = 305  # from 1 March of the year 0 to day 1
_DAYS_IN_400_YEARS = 146_097


def civil(day: int) -> tuple[int, int, int]:
    """Return a day's year, month and day of the month."""
    # Years that begin in March have their leap day at the end.
    era, left = divmod(day + _DAYS_BEFORE_MARCH_OF_0, _DAYS_IN_400_YEARS)
    year = (left - left // 1460 + left // 36_524 - left // 146_096) // 365
    left -= 365 * year + year // 4 - year // 100
    month = (5 * left + 2) // 153
    day_of_month = left - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day_of_month


def day_number(year: int, month: int, day: int) -> int:
    """Return the number of a day."""
    year -= month <= 2
    left = 365 * year + year // 4 - year // 100 + year // 400
    return left + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - _DAYS_BEFORE_MARCH_OF_0


def month_of(day: int) -> int:
    """Return the number of a day's month."""
    year, month, _ = civil(day)
    return year * 12 + month - 1


def first_day_of(month: int) -> int:
    """Return the first day of a month."""
    year, month = divmod(month, 12)
    return day_number(year, month + 1, 1)


def week_of(day: int) -> int:
    """Return the number of a day's week, which begins on Monday."""
    return (day - 1) // 7


def weekday_of(day: int) -> int:
    """Return 1 for a Monday to 7 for a Sunday."""
    return (day - 1) % 7 + 1


def day_name(day: int) -> str:
    """Return a day as `2026-11-28`."""
    year, month, day_of_month = civil(day)
    return f"{year:04d}-{month:02d}-{day_of_month:02d}"


def week_name(week: int) -> str:
    """Return a week as `2026-W48`, by ISO 8601."""
    thursday = week * 7 + 4
    year = civil(thursday)[0]
    return f"{year:04d}-W{(thursday - day_number(year, 1, 1)) // 7 + 1:02d}"


def month_name(month: int) -> str:
    """Return a month as `2026-11`."""
    year, month = divmod(month, 12)
    return f"{year:04d}-{month + 1:02d}"
