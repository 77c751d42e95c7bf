"""A list of turns: one row for each execution, with its merged usage and its prompt."""

from __future__ import annotations

import sqlite3
from itertools import chain, islice
from typing import TYPE_CHECKING

from tokentrack.common.suggestions import meant
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import NUMBERS
from tokentrack.reports.answer import USUAL_METRICS, Answer, Query, metrics_of
from tokentrack.reports.conditions import filter_of
from tokentrack.reports.groups import Numbers, Words
from tokentrack.reports.provenance import provenance_of
from tokentrack.reports.question import ask_index
from tokentrack.reports.sources import ledger_number
from tokentrack.reports.spans import bounds_of, find_span
from tokentrack.reports.statements import Statements
from tokentrack.reports.turns.row_reader import ChangedError, RowReader
from tokentrack.reports.turns.turn_rows import SORTS, places_of, rows_of, select
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.index.refresh import Progress
    from tokentrack.reports.spans import When
    from tokentrack.reports.turns.grep import Grep
    from tokentrack.reports.turns.turn_rows import Row
    from tokentrack.store.paths import LedgerPaths

    Take = Callable[[Answer, Iterator[dict[str, Any]]], None]

_ATTEMPTS = 3
_ROWS_AT_ONCE = 20_000
_CHANGED = "the ledgers kept changing while they were read: try again"


def list_turns(  # noqa: PLR0913  (each is a part of the question)
    *,
    ledgers: Sequence[LedgerPaths],
    where: Mapping[str, Sequence[str]] | None = None,
    since: When = None,
    until: When = None,
    tz: str | None = None,
    sort: str = "when",
    limit: int = 0,
    grep: str | None = None,
    only: LedgerPaths | None = None,
    index: str | None = None,
    progress: Progress | None = None,
    now: int | None = None,
    take: Take | None = None,
) -> Answer:
    """Return the turns of some ledgers, each as one row with the keys of `FIELDS`.

    Args:
        ledgers: all ledgers of which an index is kept.
        where: by dimension the accepted values.
        since: the first day or time.
        until: the last day, or the time before which turns count.
        tz: the time zone of days.
        sort: one of `SORTS`, with `-` in front for the other direction.
        limit: how many rows; 0 for all.
        grep: a regular expression that the prompt must match.
        only: the one ledger of them whose files are asked about.
        index: the path of the index; without one, the files are read for this answer alone.
        progress: is told how many bytes were read.
        now: the time to which words such as `today` refer, in microseconds since the epoch.
        take: gets the answer without its rows, and these one by one, however many there are.

    Raises:
        ValidationError: the question names something unknown.
        FileSystemError: the ledgers can't be read.
    """
    asked = Query((), USUAL_METRICS, dict(where or {}), since, until, tz, sort, limit)
    question = _Question(asked, grep, [*ledgers, *([only] if only else [])], only, now, take)
    for _ in range(_ATTEMPTS):
        try:
            return ask_index(index, question.ledgers, progress, question.answer)
        except ChangedError:
            continue
    raise FileSystemError(_CHANGED)


class _Question:
    def __init__(
        self,
        asked: Query,
        grep: str | None,
        ledgers: Sequence[LedgerPaths],
        only: LedgerPaths | None,
        now: int | None,
        take: Take | None,
    ) -> None:
        self._asked = asked
        self._take = take
        self._has_begun = False
        self.ledgers = ledgers
        self._only = only
        self._grep: Grep | None = None
        if grep is not None:
            from tokentrack.reports.turns.grep import Grep

            self._grep = Grep(grep)
        if asked.sort.removeprefix("-") not in SORTS:
            name = asked.sort.removeprefix("-")
            raise ValidationError([f"can't sort by {name[:60]!r}{meant(name, SORTS)}"])
        self._where = [
            (dimensions.find_filter(name), values) for name, values in asked.where.items()
        ]
        self._zone = Zone(asked.tz)
        self._span = find_span(asked.since, asked.until, self._zone, now)

    def answer(self, opened: OpenIndex) -> Answer:
        try:
            return self._answer(opened, is_wide=False)
        except (ChangedError, sqlite3.Error) as error:
            if self._has_begun:  # it can't be answered anew
                raise FileSystemError(_CHANGED) from error
            if "overflow" not in str(error):
                raise
        return self._answer(opened, is_wide=True)

    def _answer(self, opened: OpenIndex, *, is_wide: bool) -> Answer:
        database = opened.database
        words, reader = Words(database), RowReader(database, self.ledgers)
        ledger = None if self._only is None else ledger_number(database, self._only)
        filters = [filter_of(words, d, values) for d, values in self._where]
        ask = Statements(database, self._zone, self._span, filters, ledger, is_wide=is_wide)
        if self._grep is not None:
            places = places_of(database, ask.sources_of_turns())
            filters.append(self._grep.filter(database, places, reader))
            ask = Statements(database, self._zone, self._span, filters, ledger, is_wide=is_wide)
        since, until = bounds_of(self._span, self._zone)
        answer = Answer(self._asked, since, until, self._zone.name, dict(opened.unreadable))
        total = Numbers(ask.run((), NUMBERS, is_split=True))
        answer.total = metrics_of(self._asked.metrics, total)
        answer.provenance = provenance_of(opened, ask, ledger, self._only)
        sources = ask.sources_of_turns()
        limit = self._asked.limit
        answer.more_rows = total.turns - min(limit or total.turns, total.turns)
        found = select(database, sources, self._asked.sort, limit)
        if self._take is None:
            answer.rows = rows_of(list(found), words, reader, database)
            return answer
        # The first rows are read before anything is handed out: if their files have changed, the
        # question is asked again.
        parts = (rows_of(part, words, reader, database) for part in _parts(found))
        first = next(parts, [])
        self._has_begun = True
        self._take(answer, chain(first, chain.from_iterable(parts)))
        return answer


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    # So many that a compressed archive is not unpacked too often.
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        yield part
