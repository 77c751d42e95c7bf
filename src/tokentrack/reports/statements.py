"""From a question to the SQL that answers it from the smallest tables that can.

Whole months come from the totals by month, whole days from those by day, and only what no total
has comes from the turns: sessions, messages, lists, hours, another zone, parts of a day.
"""

from __future__ import annotations

from tokentrack.reports import calendar
from tokentrack.reports.aggregates import WideSum
from tokentrack.reports.dimensions import KIND, TIME, USAGE, Dimension
from tokentrack.reports.index.day_totals import has_totals, near, time_bounds, totals_fit
from tokentrack.reports.index.tables import FAILED, IS_REQUEST
from tokentrack.reports.zones import LocalTime

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tokentrack.reports.aggregates import Sum
    from tokentrack.reports.span import Span
    from tokentrack.reports.zones import Zone

MONTHS, DATES, DAYS = "month_total", "date_total", "day_total"
REQUESTS = "request_total"
# What a turn's kinds tell.
JOINS = {
    KIND: " left join ledger_kind l on l.n = t.kind",
    USAGE: " left join usage_kind u on u.n = t.usage_kind",
}
# A local day can end and come again within this many days of a change of the clocks.
_MARGIN = 2


class Filter:
    """A condition on turns, and the dimension that it is about."""

    __slots__ = ("condition", "dimension")

    def __init__(self, dimension: Dimension, condition: str) -> None:
        self.dimension = dimension
        self.condition = condition


class Source:
    """A table, and the conditions that are not about filters."""

    __slots__ = ("conditions", "table")

    def __init__(self, table: str, conditions: Sequence[str] = ()) -> None:
        self.table = table
        self.conditions = conditions

    @property
    def is_totals(self) -> bool:
        """Whether it has sums of turns."""
        return self.table in {MONTHS, DATES, DAYS, REQUESTS}


class Statements:
    """The statements of one question."""

    def __init__(
        self,
        database: sqlite3.Connection,
        zone: Zone,
        span: Span,
        filters: Sequence[Filter],
        ledger: int | None,
        *,
        is_wide: bool = False,
        of_requests: bool = False,
    ) -> None:
        """Keep the parts of the question.

        Args:
            database: the index.
            zone: whose local days count.
            span: the time that is asked about.
            filters: what a turn must pass.
            ledger: the number of the only ledger that is asked about, None for all.
            is_wide: whether sums can have more than 64 bits, which takes longer.
            of_requests: whether only tracked requests are asked about.
        """
        self._database = database
        self._zone = zone
        self._span = span
        self._filters = filters
        self._ledger = ledger
        self._is_wide = is_wide
        self._of_requests = of_requests
        if is_wide:
            aggregate: Any = WideSum  # its result is text, which its stub does not know
            database.create_aggregate("wide_sum", 1, aggregate)
        self._local_time: LocalTime | None = None
        self._totals_fit: bool | None = None

    def run(
        self, dimensions: Sequence[Dimension], sums: Sequence[Sum], *, is_split: bool
    ) -> Iterator[Sequence[Any]]:
        """Yield groups of turns, of which several can have the same values.

        Args:
            dimensions: what the turns are grouped by. A group begins with their values, where
                a time (but an hour) is the number of a day in it.
            sums: the sums of each group, which come last.
            is_split: whether failed turns are grouped apart; before the sums comes 1 for them.
        """
        for source in self._sources(dimensions, sums):
            statement = self._select(source, dimensions, sums, is_split)
            if self._is_wide:
                for row in self._database.execute(statement.replace("sum(", "wide_sum(")):
                    yield [int(value) if isinstance(value, str) else value for value in row]
            else:
                yield from self._database.execute(statement)

    def narrowed(self, more: Filter) -> Statements:
        """Return the statements of the same question with one more filter."""
        return self._like_this([*self._filters, more], of_requests=self._of_requests)

    def about_requests(self) -> Statements:
        """Return the statements of the same question about tracked requests alone."""
        return self._like_this(self._filters, of_requests=True)

    def _like_this(self, filters: Sequence[Filter], *, of_requests: bool) -> Statements:
        return Statements(
            self._database, self._zone, self._span, filters, self._ledger,
            is_wide=self._is_wide, of_requests=of_requests,
        )  # fmt: skip

    def sources_of_turns(self) -> list[Source]:
        """Return the tables that have single turns, with all conditions on them."""
        found = (*self._turns(self._span).conditions, *[f.condition for f in self._filters])
        if self._ledger is None:
            return [Source("turn", found)]
        own = f"t.ledger = {self._ledger}"
        return [Source(table, (*found, own)) for table in ("turn", "part")]

    def _sources(self, dimensions: Sequence[Dimension], sums: Sequence[Sum]) -> list[Source]:
        if not self._can_use_totals(dimensions, sums):
            found = [self._turns(self._span)]
        else:
            found = self._totals(dimensions)
        if self._ledger is None:
            return found
        own = f"t.ledger = {self._ledger}"
        found = [Source(source.table, [*source.conditions, own]) for source in found]
        # Executions that other ledgers have as well.
        return [*found, Source("part", [*self._turns(self._span).conditions, own])]

    def _can_use_totals(self, dimensions: Sequence[Dimension], sums: Sequence[Sum]) -> bool:
        asked = [*dimensions, *[f.dimension for f in self._filters]]
        if self._is_wide or any(d.is_of_turns for d in asked) or not all(s.of_totals for s in sums):
            return False
        if self._totals_fit is None:
            self._totals_fit = totals_fit(self._database, self._zone)
        if self._totals_fit:
            return True
        # Without days, those of another zone will do.
        is_timeless = not any(d.source == TIME for d in asked) and not any(self._span.edges)
        return is_timeless and has_totals(self._database)

    def _totals(self, dimensions: Sequence[Dimension]) -> list[Source]:
        first, last, since, until = self._span.edges
        if since is not None:
            edge = self._zone.local_day(since) + _MARGIN
            first = edge if first is None else max(first, edge)
        if until is not None:
            edge = self._zone.local_day(until) - _MARGIN
            last = edge if last is None else min(last, edge)
        if first is not None and last is not None and first > last:
            return [self._turns(self._span)]
        found = self._whole_days(dimensions, first, last)
        if since is not None and first is not None:
            found.append(self._turns(self._span.replace(last_day=first - 1)))
        if until is not None and last is not None:
            found.append(self._turns(self._span.replace(first_day=last + 1)))
        return found

    def _whole_days(
        self, dimensions: Sequence[Dimension], first: int | None, last: int | None
    ) -> list[Source]:
        if self._of_requests:
            return [_between(REQUESTS, "day", first, last)]
        if all(d.source == TIME for d in dimensions) and not self._filters and not self._ledger:
            return [_between(DATES, "day", first, last)]
        if any(d.name in {"day", "week", "weekday"} for d in dimensions):
            return [_between(DAYS, "day", first, last)]
        return _months(first, last)

    def _turns(self, span: Span) -> Source:
        first, last, since, until = span.edges
        found = ["t.at is not null"]
        if self._of_requests:
            found.append(IS_REQUEST)
        if since is not None:
            found.append(f"t.at >= {since}")
        if until is not None:
            found.append(f"t.at < {until}")
        if first is not None:
            found += [near(first, None), f"{self._local.day} >= {first}"]
        if last is not None:
            found += [near(None, last), f"{self._local.day} <= {last}"]
        return Source("turn", found)

    @property
    def _local(self) -> LocalTime:
        if self._local_time is None:
            bounds = time_bounds(self._database) or (0, 0)
            self._local_time = LocalTime(self._zone, *bounds, self._database)
        return self._local_time

    def _select(
        self, source: Source, dimensions: Sequence[Dimension], sums: Sequence[Sum], is_split: bool
    ) -> str:
        keys = [self._value(source, d) for d in dimensions]
        if is_split:
            keys.append("t.failed" if source.table == DATES else f"ifnull(t.kind, 0) & {FAILED}")
        values = [_sum_over(source, s) for s in sums]
        asked = {d.source for d in [*dimensions, *[f.dimension for f in self._filters]]}
        joins = "".join([join for name, join in JOINS.items() if name in asked])
        conditions = [*source.conditions, *[f.condition for f in self._filters]]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        group = f" group by {', '.join([str(n + 1) for n in range(len(keys))])}" if keys else ""
        return f"select {', '.join([*keys, *values])} from {source.table} t{joins}{where}{group}"

    def _value(self, source: Source, dimension: Dimension) -> str:
        if dimension.source != TIME:
            return dimension.column
        if dimension.name == "hour":
            return self._local.hour
        if source.is_totals:
            return "t.month" if source.table == MONTHS else "t.day"
        return self._local.day


def _sum_over(source: Source, found: Sum) -> str:
    if not source.is_totals:
        return found.of_turns
    return found.of_dates if source.table == DATES else found.of_totals


def _between(table: str, column: str, first: int | None, last: int | None) -> Source:
    found = []
    if first is not None:
        found.append(f"t.{column} >= {first}")
    if last is not None:
        found.append(f"t.{column} <= {last}")
    return Source(table, found)


def _months(first: int | None, last: int | None) -> list[Source]:
    # A month is known by its first day.
    low = None if first is None else _next_month(first - 1)
    high = None if last is None else calendar.first_day_of(calendar.month_of(last + 1)) - 1
    if low is not None and high is not None and low > high:
        return [_between(DAYS, "day", first, last)]
    found = [_between(MONTHS, "month", low, high)]
    if first is not None and low is not None and first < low:
        found.append(_between(DAYS, "day", first, low - 1))
    if last is not None and high is not None and high < last:
        found.append(_between(DAYS, "day", high + 1, last))
    return found


def _next_month(day: int) -> int:
    return calendar.first_day_of(calendar.month_of(day) + 1)
