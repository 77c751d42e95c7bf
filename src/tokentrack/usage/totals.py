"""Totals over time and over users: every request counts, those of reset sessions too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack import timestamps
from tokentrack.usage.periods import period_bounds
from tokentrack.usage.sums import Sum, cost_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, tzinfo

    from tokentrack.pricing import PriceTable
    from tokentrack.usage.records import UsageTotal
    from tokentrack.usage.rows import Request


class PeriodUsage(NamedTuple):
    """What was used from `start` to the start of the next period."""

    start: datetime
    total: UsageTotal


def by_period(
    requests: Iterable[Request], period: str, zone: tzinfo | None, prices: PriceTable
) -> list[PeriodUsage]:
    """Return the periods that have requests, the earliest first."""
    sums: dict[int, Sum] = {}
    start = end = 0
    for request in requests:
        if not start <= request.at < end:
            start, end = period_bounds(request.at, period, zone)
        sums.setdefault(start, Sum()).add(request.usage, cost_of(request, prices))
    return [
        PeriodUsage(timestamps.to_datetime(at).astimezone(zone), found.total())
        for at, found in sorted(sums.items())
    ]


def by_user(requests: Iterable[Request], prices: PriceTable) -> dict[str, UsageTotal]:
    """Return the totals of the users in the order of their names; "" is nobody known."""
    sums: dict[str, Sum] = {}
    for request in requests:
        sums.setdefault(request.user, Sum()).add(request.usage, cost_of(request, prices))
    return {user: found.total() for user, found in sorted(sums.items())}
