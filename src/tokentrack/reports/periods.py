"""Where hours, days, weeks and months of a time zone begin, also when the clocks change.

On the day of a change, a day has 23 or 25 hours, and the hour that comes twice is two hours.
Weeks begin on Monday. Times are in microseconds since the epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.errors import ValidationError
from tokentrack.reports import calendar
from tokentrack.reports.zones import DAY as DAY_LENGTH
from tokentrack.reports.zones import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from tokentrack.reports.zones import Zone

HOUR, DAY, WEEK, MONTH, TOTAL = "hour", "day", "week", "month", "total"
PERIODS = (HOUR, DAY, WEEK, MONTH)
HOUR_LENGTH = 3600 * SECOND


def check_period(period: str, allowed: Collection[str]) -> None:
    """Refuse an unknown period.

    Raises:
        ValidationError: the period is not one of the allowed ones.
    """
    if period not in allowed:
        raise ValidationError([f"period must be one of {', '.join(allowed)}, not {period!r}"])


def days_of(day: int, period: str) -> tuple[int, int]:
    """Return the first day of a day's period, and the first day after it.

    Args:
        day: the number of the day, see `calendar`.
        period: `day`, `week` or `month`.
    """
    if period == WEEK:
        monday = day + 1 - calendar.weekday_of(day)
        return monday, monday + 7
    if period == MONTH:
        month = calendar.month_of(day)
        return calendar.first_day_of(month), calendar.first_day_of(month + 1)
    return day, day + 1


def hour_start(at: int, offset: int, zone: Zone) -> int:
    """Return where the hour of a time begins.

    Args:
        at: the time.
        offset: the zone's offset from UTC at that time.
        zone: the time zone.
    """
    local = (at + offset) // HOUR_LENGTH * HOUR_LENGTH
    start = local - offset
    if zone.offset(start) == offset:
        return start
    # The clocks changed within the hour: it began by the earlier offset, or with the change.
    return zone.first_at(zone.local_day(at), local % DAY_LENGTH)
