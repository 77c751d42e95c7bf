"""The word `billing` as a time: the billing month of the plan or of the account."""

from __future__ import annotations

import os
from typing import Any

import click

from tokentrack.cli.answer_options import BILLING
from tokentrack.common.timestamps import now_us, to_datetime
from tokentrack.reports import calendar
from tokentrack.reports.pricing.plan import billing_month
from tokentrack.reports.zones import Zone


def billing_edges(edges: dict[str, Any], tz: str | None) -> dict[str, Any]:
    """Return `since` and `until` with the edges of this billing month in place of the word.

    Args:
        edges: both, of which one or both are the word.
        tz: the time zone that is shown. The days of the billing month are the system's.

    Raises:
        click.UsageError: neither a plan nor the account says when the month begins.
    """
    zone = Zone()
    first, end = _month_of(zone.local_day(now_us()))
    days = {"since": first, "until": end - (tz is None)}
    return {
        name: when if when != BILLING
        else calendar.day_name(days[name]) if tz is None
        else to_datetime(zone.start_of(days[name]))
        for name, when in edges.items()
    }  # fmt: skip


def month_before() -> str:
    """Return the billing month before this one, as a range of days.

    Raises:
        click.UsageError: as for `billing_edges`.
    """
    first, end = _month_of(_month_of(Zone().local_day(now_us()))[0] - 1)
    return f"{calendar.day_name(first)}..{calendar.day_name(end - 1)}"


def _month_of(day: int) -> tuple[int, int]:
    month = billing_month(os.environ, day)
    if month is None:
        raise click.UsageError(
            f"{BILLING} is not known: set the day with `tokentrack plan set NAME --billing-day "
            "DAY`. Your Kiro account has none here."
        )
    return month
