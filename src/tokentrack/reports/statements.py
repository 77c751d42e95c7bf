"""From a question to the SQL that answers it from the smallest tables that can.

Whole months come from the totals by month, whole days from those by day, all sessions and messages
and the days of other zones from totals of their own. Only what no total has comes from the turns:
lists, parts of a day, sessions with a filter.
"""

from __future__ import annotations

from tokentrack.reports.aggregates import OVER, add_wide_sum
from tokentrack.reports.dimensions import TIME, Dimension
from tokentrack.reports.index.day_totals import (
    SLOT,
    has_totals,
    near,
    near_slots,
    time_bounds,
    totals_fit,
)
from tokentrack.reports.index.tables import FAILED, IS_REQUEST
from tokentrack.reports.sources import (
    BY_WORD,
    DATES,
    DAYS,
    JOINS,
    MESSAGES,
    MONTHS,
    OF_ALL,
    OF_TURN,
    REQUESTS,
    SESSIONS,
    SLOTS,
    Filter,
    Source,
    between,
    months,
)
from tokentrack.reports.zones import LocalTime

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tokentrack.reports.aggregates import Sum
    from tokentrack.reports.index.excess import Excess
    from tokentrack.reports.span import Span
    from tokentrack.reports.zones import Zone

# A local day can end and come again within this many days of a change of the clocks.
_MARGIN = 2


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
        excess: Excess | None = None,
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
            excess: what is beyond the user's plan, where that is asked for.
        """
        self._database = database
        self._zone = zone
        self._span = span
        self._filters = filters
        self._ledger = ledger
        self._is_wide = is_wide
        self._of_requests = of_requests
        self._excess = excess
        if is_wide:
            add_wide_sum(database)
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

    def narrowed(self, *more: Filter) -> Statements:
        """Return the statements of the same question with more filters."""
        if not more:
            return self
        return self._like_this([*self._filters, *more], of_requests=self._of_requests)

    def about_requests(self) -> Statements:
        """Return the statements of the same question about tracked requests alone."""
        return self._like_this(self._filters, of_requests=True)

    def _like_this(self, filters: Sequence[Filter], *, of_requests: bool) -> Statements:
        return Statements(
            self._database, self._zone, self._span, filters, self._ledger,
            is_wide=self._is_wide, of_requests=of_requests, excess=self._excess,
        )  # fmt: skip

    def sources_of_turns(self) -> list[Source]:
        """Return the tables that have single turns, with all conditions on them."""
        found = (*self._turns(self._span).conditions, *[f.condition for f in self._filters])
        if self._ledger is None:
            return [Source("turn", found)]
        own = f"t.ledger = {self._ledger}"
        return [Source(table, (*found, own)) for table in ("turn", "part")]

    def _sources(self, dimensions: Sequence[Dimension], sums: Sequence[Sum]) -> list[Source]:
        if special := self._special(dimensions, sums):
            return [special]
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

    def _special(self, dimensions: Sequence[Dimension], sums: Sequence[Sum]) -> Source | None:
        # The totals of all ledgers by session, by message, or by half an hour.
        is_narrow = self._ledger is not None or self._filters or self._of_requests
        first, _, since, until = self._span.edges
        if is_narrow or since is not None or until is not None or not self._totals_have(sums):
            return None
        others = [d for d in dimensions if d.source != TIME]
        has_hour = any(d.name == "hour" for d in dimensions)
        if not others and (has_hour or not self._do_totals_fit()):
            return self._slots() if has_totals(self._database) else None
        if len(others) != 1 or others[0].name not in BY_WORD or has_hour or first is not None:
            return None
        is_timeless = len(dimensions) == 1 and not any(self._span.edges)
        if not (has_totals(self._database) if is_timeless else self._do_totals_fit()):
            return None
        return between(BY_WORD[others[0].name], "day", None, self._span.last_day)

    def _slots(self) -> Source | None:
        if not self._local.is_of_slots(SLOT):
            return None
        first, last, _, _ = self._span.edges
        found = near_slots(first, last)
        if first is not None:
            found.append(f"{self._local.day} >= {first}")
        if last is not None:
            found.append(f"{self._local.day} <= {last}")
        return Source(SLOTS, found)

    def _totals_have(self, sums: Sequence[Sum]) -> bool:
        if self._is_wide or not all(found.of_totals for found in sums):
            return False
        return not any(found in OVER for found in sums) or (
            self._excess is not None and self._excess.is_stored
        )

    def _do_totals_fit(self) -> bool:
        if self._totals_fit is None:
            self._totals_fit = totals_fit(self._database, self._zone)
        return self._totals_fit

    def _can_use_totals(self, dimensions: Sequence[Dimension], sums: Sequence[Sum]) -> bool:
        asked = [*dimensions, *[f.dimension for f in self._filters]]
        if any(d.is_of_turns for d in asked) or not self._totals_have(sums):
            return False
        if self._do_totals_fit():
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
            return [between(REQUESTS, "day", first, last)]
        if all(d.source == TIME for d in dimensions) and not self._filters and not self._ledger:
            return [between(DATES, "day", first, last)]
        if any(d.name in {"day", "week", "weekday"} for d in dimensions):
            return [between(DAYS, "day", first, last)]
        return months(first, last)

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
            is_apart = source.table in OF_ALL
            keys.append("t.failed" if is_apart else f"ifnull(t.kind, 0) & {FAILED}")
        asked = {d.source for d in [*dimensions, *[f.dimension for f in self._filters]]}
        is_joined = source.table not in OF_ALL
        joins = "".join([join for name, join in JOINS.items() if name in asked and is_joined])
        conditions = [*source.conditions, *[f.condition for f in self._filters]]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        turns = f"{source.table} t{joins}{where}"
        group = f" group by {', '.join([str(n + 1) for n in range(len(keys))])}" if keys else ""
        if self._excess is not None and not source.is_totals and any(s in OVER for s in sums):
            # The limit keeps SQLite from working out `beyond` once for each sum.
            inner = [f"{key} as key{n}" for n, key in enumerate(keys)]
            inner += [OF_TURN, f"{self._excess.value} as beyond"]
            turns = f"(select {', '.join(inner)} from {turns} limit -1)"
            keys = [f"key{n}" for n in range(len(keys))]
        values = [self._sum_over(source, found) for found in sums]
        return f"select {', '.join([*keys, *values])} from {turns}{group}"

    def _sum_over(self, source: Source, found: Sum) -> str:
        if source.is_totals:
            return found.of_dates if source.table in OF_ALL else found.of_totals
        if found in OVER and self._excess is not None:
            return str(self._excess.sums()[OVER.index(found)])
        return found.of_turns

    def _value(self, source: Source, dimension: Dimension) -> str:
        if dimension.source != TIME:
            is_word = source.table in {SESSIONS, MESSAGES}
            return f"nullif(t.{dimension.name}, 0)" if is_word else dimension.column
        if dimension.name == "hour":
            return self._local.hour
        if source.is_totals and source.table != SLOTS:
            return "t.month" if source.table == MONTHS else "t.day"
        return self._local.day
