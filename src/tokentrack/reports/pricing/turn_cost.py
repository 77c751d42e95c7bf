"""What one turn costs, and by which prices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import MORE, NUMBERS, OVER_NAMES
from tokentrack.reports.answer import BY_TOKENS, COST, Query, metrics_of
from tokentrack.reports.groups import Numbers, Words
from tokentrack.reports.pricing.costs import excess_of, limit_of
from tokentrack.reports.pricing.group_costs import GroupCosts
from tokentrack.reports.pricing.price_table import prices_in_force
from tokentrack.reports.sources import Filter
from tokentrack.reports.span import Span
from tokentrack.reports.statements import Statements

if TYPE_CHECKING:
    import sqlite3

    from tokentrack.reports.pricing.plan import Rates
    from tokentrack.reports.zones import Zone

_TURN = dimensions.find("message")  # a condition on the turn itself, which no total has


def cost_of_turn(
    database: sqlite3.Connection, number: int, model: str | None, rates: Rates, system: Zone
) -> dict[str, Any]:
    """Return the cost of a turn: its `value`, `currency`, `basis`, and the `source` of its price.

    Args:
        database: the index.
        number: the number of the turn in it.
        model: its model.
        rates: how credits are priced.
        system: the system's zone.

    Raises:
        TokenTrackError: the user's file of token prices can't be read or is invalid.
    """
    words, limit = Words(database), limit_of(rates)
    excess = None if limit is None else excess_of(database, limit, system, is_wide=False)
    only = Filter(_TURN, f"t.id = {number}")
    ask = Statements(database, system, Span(), [only], None, excess=excess)
    more = () if excess is None else OVER_NAMES
    sums = (*NUMBERS, *[MORE[name] for name in more])
    numbers = Numbers(ask.run((), sums, is_split=True), more)
    GroupCosts(words, Query(metrics=(COST,), rates=rates), rates).add_to({(): numbers}, (), ask)
    basis, source = rates.basis, " · ".join(rates.texts)
    if numbers.requests:
        basis, source = BY_TOKENS, prices_in_force(os.environ).explain(model or "")
    return {
        "value": metrics_of([COST], numbers)[COST],
        "currency": rates.plan.currency.code,
        "basis": basis,
        "source": source,
        "read_at": None, "file": None, "line": None,
    }  # fmt: skip
