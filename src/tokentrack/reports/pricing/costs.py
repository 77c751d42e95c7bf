"""What turns cost by the user's plan: one definition for every answer.

A credit costs the plan's price divided by its credits until those of the billing month are used
up, then the overage rate; `index.excess` says which are beyond. Another user's turns cost the
overage rate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tokentrack.reports.aggregates import OVER_NAMES, add_wide_sum
from tokentrack.reports.credit_texts import units_of
from tokentrack.reports.index.day_totals import has_limit, stored_excess, time_bounds, totals_fit
from tokentrack.reports.index.excess import Excess, Limit, used_by_day
from tokentrack.reports.zones import LocalTime

if TYPE_CHECKING:
    import sqlite3

    from tokentrack.reports.groups import Numbers
    from tokentrack.reports.pricing.plan import Rates
    from tokentrack.reports.zones import Zone

_UNIT = 10**27


def limit_of(rates: Rates | None) -> Limit | None:
    """Return the limit that the prices depend on, None if they depend on none."""
    if rates is None or rates.is_list:
        return None
    return Limit(rates.plan.units, rates.plan.billing_day, rates.user)


def excess_of(database: sqlite3.Connection, limit: Limit, zone: Zone, *, is_wide: bool) -> Excess:
    """Return which turns are beyond a limit.

    Args:
        database: the index.
        limit: the limit.
        zone: the system's zone, in whose days billing months begin.
        is_wide: whether sums can have more than 64 bits.
    """
    if not is_wide and has_limit(database, limit) and totals_fit(database, zone):
        stored = stored_excess(database, zone)
        if stored is not None:
            return stored
    excess = Excess(database, limit, zone)
    bounds = time_bounds(database)
    if bounds is not None:
        local = LocalTime(zone, *bounds, database)
        add = "wide_sum" if is_wide else "sum"
        if is_wide:
            add_wide_sum(database)
        used = used_by_day(database, excess, "turn", local.day, "at is not null", add)
        excess.find(used, local)
    return excess


class Pricing:
    """What credits cost, in USD."""

    def __init__(self, rates: Rates) -> None:
        """Take the prices."""
        self._is_list = rates.is_list
        self._rate = rates.plan.rate
        self._overage = Fraction(rates.plan.overage)

    def cost_of(self, numbers: Numbers) -> Fraction | None:
        """Return what turns cost, None if no credits are known."""
        units = numbers.credits
        if units is None:
            return None
        over = units
        if not self._is_list:
            over = units_of(*[numbers.more[name] or 0 for name in OVER_NAMES])
        return (self._rate * (units - over) + self._overage * over) / _UNIT
