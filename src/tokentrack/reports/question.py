"""Ask the ledgers: one question, one answer."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING, TypeVar

from tokentrack.common.suggestions import meant
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import MORE, NUMBERS, OVER
from tokentrack.reports.answer import (
    COSTS,
    METRICS,
    REPRICED,
    USUAL_METRICS,
    Answer,
    Query,
    metrics_of,
    sums_needed,
)
from tokentrack.reports.answer_rows import add_rows
from tokentrack.reports.dimensions import TIME
from tokentrack.reports.groups import Numbers, Words, group, relabel
from tokentrack.reports.index.database import open_index
from tokentrack.reports.provenance import provenance_of
from tokentrack.reports.sources import ledger_number
from tokentrack.reports.spans import bounds_of, find_span
from tokentrack.reports.statements import Statements
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.index.excess import Excess, Limit
    from tokentrack.reports.index.refresh import Progress
    from tokentrack.reports.pricing.plan import Rates
    from tokentrack.reports.pricing.price_table import PriceTable
    from tokentrack.reports.spans import When
    from tokentrack.store.paths import LedgerPaths

MOST_DIMENSIONS = 3
_Answer = TypeVar("_Answer")


def query(  # noqa: PLR0913  (each is a part of the question)
    by: Sequence[str] = (),
    *,
    ledgers: Sequence[LedgerPaths] | None = None,
    files: Sequence[str | os.PathLike[str]] = (),
    metrics: Sequence[str] = USUAL_METRICS,
    where: Mapping[str, Sequence[str]] | None = None,
    since: When = None,
    until: When = None,
    tz: str | None = None,
    sort: str = "",
    limit: int = 0,
    rates: Rates | None = None,
    prices: PriceTable | None = None,
    prices_as_of: date | str | None = None,
    only: LedgerPaths | None = None,
    index: str | None = None,
    progress: Progress | None = None,
    now: int | None = None,
) -> Answer:
    """Return the turns of some ledgers by their dimensions; see `Query` for the question.

    Without `ledgers` and `files`, these are all ledgers of the user, as for the commands.

    Args:
        by: up to three dimensions.
        ledgers: all ledgers of which an index is kept.
        files: paths of ledgers, archives, backups, or folders of them, instead of `ledgers`.
        metrics: the numbers of each row.
        where: by dimension the accepted values.
        since: the first day or time.
        until: the last day, or the time before which turns count.
        tz: the time zone.
        sort: a dimension or a metric.
        limit: how many rows; 0 for all.
        rates: how credits are priced, where `cost` is one of the metrics; by default by the
            user's plan.
        prices: how requests are priced that a program tracked; by default as `tokentrack.usage`
            prices them.
        prices_as_of: a date whose prices of requests the metrics `repriced` and `difference` have.
        only: the one ledger of them whose files are asked about.
        index: the path of the index; without one, the files are read for this answer alone.
        progress: is told how many bytes were read.
        now: the time to which words such as `today` refer, in microseconds since the epoch.

    Raises:
        ValidationError: the question names something unknown.
        FileSystemError: the ledgers can't be read.
    """
    if rates is None and not {*metrics, sort.removeprefix("-")}.isdisjoint(COSTS):
        from tokentrack.reports.pricing.group_costs import rates_in_force

        rates = rates_in_force(os.environ)
    asked = Query(
        tuple(by), tuple(metrics), dict(where or {}), since, until, tz, sort, limit, rates, prices,
        prices_as_of,
    )  # fmt: skip
    missing: Mapping[str, str] = {}
    if files or ledgers is None:
        from tokentrack.reports.known_ledgers import ledgers_around, named_ledgers

        if files:
            ledgers, missing = named_ledgers(files)
        else:
            ledgers, index = ledgers_around(os.environ)
    (answer,) = query_all(
        [asked], ledgers=ledgers, only=only, index=index, progress=progress, now=now
    )
    answer.unreadable |= missing
    return answer


def query_all(
    asked: Sequence[Query],
    *,
    ledgers: Sequence[LedgerPaths],
    only: LedgerPaths | None = None,
    index: str | None = None,
    progress: Progress | None = None,
    now: int | None = None,
) -> list[Answer]:
    """Return the answers of several questions, all from the same state of the ledgers.

    Args:
        asked: the questions.
        ledgers: all ledgers of which an index is kept.
        only: the one ledger of them whose files are asked about.
        index: the path of the index; without one, the files are read for these answers alone.
        progress: is told how many bytes were read.
        now: the time to which words such as `today` refer, in microseconds since the epoch.

    Raises:
        ValidationError: a question names something unknown.
        FileSystemError: the ledgers can't be read.
    """
    now = time.time_ns() // 1000 if now is None else now
    zone = Zone()
    questions = [_Question(question, zone, now) for question in asked]
    return ask_index(
        index, [*ledgers, *([only] if only else [])], progress,
        lambda opened: [question.answer(opened, only) for question in questions], zone,
        next((question.limit for question in questions if question.limit is not None), None),
    )  # fmt: skip


def ask_index(
    index: str | None,
    ledgers: Sequence[LedgerPaths],
    progress: Progress | None,
    answer: Callable[[OpenIndex], _Answer],
    zone: Zone | None = None,
    limit: Limit | None = None,
) -> _Answer:
    """Return what an answer is, given the index; or a private one if the index is damaged.

    Args:
        index: the path of the index; None for a private one.
        ledgers: all ledgers of which an index is kept.
        progress: is told how many bytes were read, and when the index is open.
        answer: asks the index.
        zone: the system's zone, if it is at hand.
        limit: the plan's, of which the answer needs to know what is beyond.

    Raises:
        FileSystemError: the ledgers can't be read.
    """
    zone = zone or Zone()
    try:
        try:
            with open_index(index, ledgers, zone, progress, limit) as opened:
                if progress is not None:
                    progress(None)
                return answer(opened)
        except sqlite3.DatabaseError:
            if index is None:
                raise
        # The index is damaged in a part that opening it does not check.
        with open_index(None, ledgers, zone, progress) as opened:
            return answer(opened)
    except FileSystemError:
        raise  # it says it itself
    except (OSError, sqlite3.Error) as error:
        raise FileSystemError(f"the ledgers can't be read: {error}") from error


class _Question:
    def __init__(self, asked: Query, system: Zone, now: int | None) -> None:
        self._asked = asked
        self._by = [dimensions.find(name) for name in asked.by]
        self._where = [
            (dimensions.find_filter(name), values) for name, values in asked.where.items()
        ]
        if len(self._by) > MOST_DIMENSIONS or len(set(asked.by)) < len(asked.by):
            raise ValidationError([f"name one to {MOST_DIMENSIONS} different dimensions"])
        unknown = [name for name in asked.metrics if name not in METRICS]
        if unknown:
            raise ValidationError(
                [f"unknown metric {unknown[0][:60]!r}{meant(unknown[0], METRICS)}"]
            )
        self._sort, self._is_reversed = self._find_sort()
        wanted = {*asked.metrics, self._sort}
        self._has_cost = not wanted.isdisjoint(COSTS)
        if self._has_cost and asked.rates is None:
            raise ValidationError(["cost needs a plan: `tokentrack plan set` sets it"])
        if asked.prices_as_of is None and not wanted.isdisjoint(REPRICED):
            raise ValidationError([f"{REPRICED[0]} needs prices_as_of, the date of the prices"])
        if asked.prices_as_of is not None:
            from tokentrack.reports.pricing.group_costs import time_of_prices

            time_of_prices(asked.prices_as_of)
        self._system = system
        self._zone = system if asked.tz is None else Zone(asked.tz)
        self.limit: Limit | None = None
        if self._has_cost:
            from tokentrack.reports.pricing.costs import limit_of

            self.limit = limit_of(asked.rates)
        self._span = find_span(asked.since, asked.until, self._zone, now)

    def _find_sort(self) -> tuple[str, bool]:
        name = self._asked.sort.removeprefix("-")
        if name and name not in METRICS and name not in self._asked.by:
            names = [*self._asked.by, *METRICS]
            raise ValidationError([f"can't sort by {name[:60]!r}{meant(name, names)}"])
        if not name:
            is_time = bool(self._by) and self._by[0].source == TIME
            name = self._asked.by[0] if is_time else "credits"
        return name, self._asked.sort.startswith("-")

    def answer(self, opened: OpenIndex, only: LedgerPaths | None) -> Answer:
        try:
            return self._answer(opened, only, is_wide=False)
        except sqlite3.OperationalError as error:
            if "overflow" not in str(error):
                raise
        return self._answer(opened, only, is_wide=True)

    def _answer(self, opened: OpenIndex, only: LedgerPaths | None, *, is_wide: bool) -> Answer:
        database = opened.database
        since, until = bounds_of(self._span, self._zone)
        answer = Answer(self._asked, since, until, self._zone.name, dict(opened.unreadable))
        ledger = None if only is None else ledger_number(database, only)
        words = Words(database)
        filters = []
        if self._where:
            from tokentrack.reports.conditions import filter_of

            filters = [filter_of(words, dimension, values) for dimension, values in self._where]
        excess = self._excess(database, is_wide=is_wide)
        ask = Statements(
            database, self._zone, self._span, filters, ledger, is_wide=is_wide, excess=excess
        )
        more = sums_needed((*self._asked.metrics, self._sort))
        if excess is None:
            more = [name for name in more if MORE[name] not in OVER]
        sums = (*NUMBERS, *[MORE[name] for name in more])
        costs = None
        if self._has_cost and self._asked.rates is not None:
            from tokentrack.reports.pricing.group_costs import GroupCosts

            costs = GroupCosts(words, self._asked, self._asked.rates)
        counted = ask
        if any(d.name == "session" for d in self._by):
            from tokentrack.reports.conditions import since_reset

            counted = ask.narrowed(*since_reset(database))
        if self._by:
            rows = counted.run(self._by, sums, is_split=True)
            groups = relabel(group(rows, len(self._by)), self._by, words)
            found = {key: Numbers(parts, more) for key, parts in groups.items()}
            if costs is not None:
                costs.add_to(found, self._by, counted)
            add_rows(answer, found, words, self._by, (self._sort, self._is_reversed))
        total = Numbers(ask.run((), sums, is_split=True), more)
        if costs is not None:
            costs.add_to({(): total}, (), ask)
        answer.total = metrics_of(self._asked.metrics, total)
        answer.provenance = provenance_of(
            opened, ask, ledger, only, priced=total.known + total.priced_requests if costs else None
        )
        if counted is not ask:
            rest = Numbers(counted.run((), NUMBERS, is_split=True))
            answer.provenance["before_reset"] = total.turns - rest.turns
        return answer

    def _excess(self, database: sqlite3.Connection, *, is_wide: bool) -> Excess | None:
        if self.limit is None:
            return None
        from tokentrack.reports.pricing.costs import excess_of

        return excess_of(database, self.limit, self._system, is_wide=is_wide)
