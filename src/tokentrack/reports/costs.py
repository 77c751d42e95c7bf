"""What turns cost by the user's plan: one definition for every answer.

A credit costs the plan's price divided by its credits until those of the billing month are used
up, then the overage rate. They are used up in the order of time (at the same time, of the turns'
numbers in the index) by all of the user's turns in all known ledgers, whatever the question
filters. The turn that crosses is split. Another user's turns cost the overage rate.

The sums come from the same statements as the credits: one for each stretch of time in which a
credit has one price.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import NUMBERS
from tokentrack.reports.conditions import filter_of
from tokentrack.reports.credit_texts import units_of
from tokentrack.reports.groups import Numbers, group, relabel
from tokentrack.reports.index.day_totals import time_bounds
from tokentrack.reports.span import Span
from tokentrack.reports.statements import Filter, Statements
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.reports.dimensions import Dimension
    from tokentrack.reports.groups import Key, Words
    from tokentrack.reports.pricing.plan import Rates

_UNIT = 10**27
# Conditions on the turn itself, which no total has.
_TURN = dimensions.find("message")


class Asked(NamedTuple):
    """Which turns are asked about; see `Statements`."""

    zone: Zone
    span: Span
    filters: Sequence[Filter]
    ledger: int | None
    is_wide: bool


class _Crossing(NamedTuple):
    # The turn with which the plan's credits are used up.
    at: int
    number: int
    inside: Fraction  # which part of its credits


class _Stretch(NamedTuple):
    # A time in which a credit has one price, and conditions that its turns meet.
    span: Span
    rate: Fraction
    filters: tuple[Filter, ...] = ()


class Costs:
    """Costs of the turns of one question, in USD."""

    def __init__(
        self, database: sqlite3.Connection, words: Words, rates: Rates, asked: Asked
    ) -> None:
        """Find out when the plan's credits were used up."""
        self._database = database
        self._words = words
        self._rates = rates
        self._asked = asked
        # The account's billing months begin with the days of one zone, whatever is shown.
        self._billing = Zone()
        user = dimensions.find_filter("user")
        own = [rates.user, ""] if rates.user else [""]
        self._mine = filter_of(words, user, own)
        self._others = filter_of(words, user, [f"!{name}" for name in own])
        self._stretches = list(self._find())

    def add_to(self, groups: Mapping[Key, Numbers], by: Sequence[Dimension]) -> None:
        """Set the costs of groups of turns; those without known credits have none."""
        asked = self._asked
        for numbers in groups.values():
            numbers.cost = None if numbers.credits is None else Fraction(0)
        for span, rate, filters in self._stretches:
            statements = Statements(
                self._database, asked.zone, span, [*asked.filters, *filters], asked.ledger,
                is_wide=asked.is_wide,
            )  # fmt: skip
            rows = statements.run(by, NUMBERS, is_split=True)
            for key, parts in relabel(group(rows, len(by)), by, self._words).items():
                units, whole = Numbers(parts).credits, groups.get(key)
                if whole is not None and whole.cost is not None and units:
                    whole.cost += rate * Fraction(units, _UNIT)

    def _find(self) -> Iterator[_Stretch]:
        plan, asked = self._rates.plan, self._asked
        overage = Fraction(plan.overage)
        if self._rates.is_list:
            yield _Stretch(asked.span, overage)
            return
        yield _Stretch(asked.span, overage, (self._others,))
        for first, end, crossing in self._billing_months():
            for span, rate, filters in self._of_month(first, end, crossing):
                within = _both(asked.span, span)
                if within is not None:
                    yield _Stretch(within, rate, (self._mine, *filters))

    def _of_month(self, first: int, end: int, crossing: _Crossing | None) -> Iterator[_Stretch]:
        rate, overage = self._rates.plan.rate, Fraction(self._rates.plan.overage)
        whole = self._days(first, end)
        if crossing is None:
            yield _Stretch(whole, rate)
            return
        at, number, inside = crossing
        same = Span(since=at, until=at + 1)
        split = inside * rate + (1 - inside) * overage
        yield _Stretch(whole.replace(until=at), rate)
        for sign, price in (("<", rate), ("=", split), (">", overage)):
            yield _Stretch(same, price, (Filter(_TURN, f"t.id {sign} {number}"),))
        yield _Stretch(whole.replace(since=at + 1), overage)

    def _days(self, first: int, end: int) -> Span:
        if self._asked.zone.is_system:
            return Span(first, end - 1)
        return Span(since=self._billing.start_of(first), until=self._billing.start_of(end))

    def _billing_months(self) -> Iterator[tuple[int, int, _Crossing | None]]:
        # Those of the asked time that have turns; those in a row that stay in the plan are one.
        bounds = time_bounds(self._database)
        if bounds is None:
            return
        plan, billing, span = self._rates.plan, self._billing, self._asked.span
        first = max(billing.local_day(bounds[0]), *self._edges(span.first_day, span.since, -1))
        last = min(billing.local_day(bounds[1]), *self._edges(span.last_day, span.until, 1))
        if first > last:
            return
        used = self._used_by_day(Span(plan.month_of(first)[0], plan.month_of(last)[1] - 1))
        since = until = None
        for begin, end in sorted({plan.month_of(day) for day in used}):
            crossing = self._crossing(begin, end, used)
            if crossing is None:
                since, until = begin if since is None else since, end
                continue
            if since is not None and until is not None:
                yield since, until, None
                since = None
            yield begin, end, crossing
        if since is not None and until is not None:
            yield since, until, None

    def _edges(self, day: int | None, at: int | None, sign: int) -> list[int]:
        # Days in the zone of billing; one more, since a day of another zone is in two of them.
        found = [sign * 10**9]
        if day is not None:
            found.append(day + sign)
        if at is not None:
            found.append(self._billing.local_day(at) + sign)
        return found

    def _used_by_day(self, span: Span) -> dict[int, int]:
        ask = Statements(
            self._database, self._billing, span, [self._mine], None, is_wide=self._asked.is_wide
        )
        groups = group(ask.run((dimensions.find("day"),), NUMBERS, is_split=True), 1)
        return {key[0]: Numbers(parts).credits or 0 for key, parts in groups.items()}

    def _crossing(self, first: int, end: int, used: dict[int, int]) -> _Crossing | None:
        left = self._rates.plan.units
        for day in range(first, end):
            amount = used.get(day, 0)
            if amount >= left > 0 or (amount and not left):
                return self._in_day(day, left)
            left -= amount
        return None

    def _in_day(self, day: int, left: int) -> _Crossing | None:
        query = (
            "select t.at, t.id, t.a, t.b, t.c from turn t left join usage_kind u "
            f"on u.n = t.usage_kind where t.at >= ? and t.at < ? and t.a is not null "
            f"and {self._mine.condition} order by t.at, t.id"
        )
        edges = self._billing.start_of(day), self._billing.start_of(day + 1)
        for at, number, *limbs in self._database.execute(query, edges):
            amount = units_of(*limbs)
            if amount and amount >= left:
                return _Crossing(at, number, Fraction(left, amount))
            left -= amount
        return None


def _both(one: Span, other: Span) -> Span | None:
    # The time that two spans share, None where there is none.
    first = max((day for day in (one.first_day, other.first_day) if day is not None), default=None)
    last = min((day for day in (one.last_day, other.last_day) if day is not None), default=None)
    since = max((at for at in (one.since, other.since) if at is not None), default=None)
    until = min((at for at in (one.until, other.until) if at is not None), default=None)
    if first is not None and last is not None and first > last:
        return None
    if since is not None and until is not None and since >= until:
        return None
    return Span(first, last, since, until)
