"""Where hours, days, weeks and months of a time zone begin, also when the clocks change.

On the day of a change, a day has 23 or 25 hours, and the hour that comes twice is two hours.
Weeks begin on Monday. Without a zone, the system's zone is used.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import tzinfo

HOUR, DAY, WEEK, MONTH, TOTAL = "hour", "day", "week", "month", "total"
PERIODS = (HOUR, DAY, WEEK, MONTH)


def check_period(period: str, allowed: Collection[str]) -> None:
    """Refuse an unknown period.

    Raises:
        ValidationError: the period is not one of the allowed ones.
    """
    if period not in allowed:
        raise ValidationError([f"period must be one of {', '.join(allowed)}, not {period!r}"])


def period_start(at: int, period: str, zone: tzinfo | None) -> datetime:
    """Return where the period of a time begins, as an aware datetime of the zone.

    Args:
        at: microseconds since the epoch.
        period: `hour`, `day`, `week` or `month`.
        zone: the time zone; the system's for None.
    """
    local = timestamps.to_datetime(at).astimezone(zone)
    if period == HOUR:
        # Keeps the offset, which tells apart the two hours of a clock that is set back.
        return _existing(local.replace(minute=0, second=0, microsecond=0), zone)
    day = local.date()
    if period == WEEK:
        day -= timedelta(days=day.weekday())
    elif period == MONTH:
        day = day.replace(day=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return _existing(midnight.astimezone() if zone is None else midnight, zone)


def period_bounds(at: int, period: str, zone: tzinfo | None) -> tuple[int, int]:
    """Return where the period of a time begins and where the next one does, in microseconds."""
    start = timestamps.from_datetime(period_start(at, period, zone))
    # Far enough to be in the next period, and before the one after it.
    ahead = {HOUR: 90 * 60, DAY: 36 * 3600, WEEK: 10 * 86400, MONTH: 45 * 86400}[period]
    following = period_start(start + ahead * 1_000_000, period, zone)
    return start, timestamps.from_datetime(following)


def _existing(local: datetime, zone: tzinfo | None) -> datetime:
    # A midnight that the clocks skip becomes the moment of the change.
    return local.astimezone(UTC).astimezone(zone)
