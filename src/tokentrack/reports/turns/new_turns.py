"""The turns that were recorded since the last look, for `turns --follow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.reports import dimensions
from tokentrack.reports.conditions import filter_of
from tokentrack.reports.groups import Words
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.question import ask_index
from tokentrack.reports.sources import Source, ledger_number
from tokentrack.reports.spans import find_span
from tokentrack.reports.statements import Statements
from tokentrack.reports.turns.grep import Grep
from tokentrack.reports.turns.row_reader import ChangedError, RowReader
from tokentrack.reports.turns.turn_rows import ids_of, rows_of, select
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.index.refresh import Progress
    from tokentrack.reports.spans import When
    from tokentrack.store.paths import LedgerPaths

_MOST_AT_ONCE = 1000


class NewTurns:
    """Knows which turns there are, and returns each further one once.

    A turn that a rotation moves is known; one that a restore brings back is too.
    """

    def __init__(
        self,
        since: When,
        *,
        where: Mapping[str, Sequence[str]],
        tz: str | None = None,
        grep: str | None = None,
    ) -> None:
        """Choose the turns.

        Args:
            since: the first day or time; earlier turns are never returned.
            where: by dimension the accepted values.
            tz: the time zone of days.
            grep: a regular expression that the prompt must match.

        Raises:
            ValidationError: something of that is unknown.
        """
        self._where = [(dimensions.find_filter(name), values) for name, values in where.items()]
        self._grep = None if grep is None else Grep(grep)
        self._zone = Zone(tz)
        self._span = find_span(since, None, self._zone)
        self._known: set[int] | None = None

    def note(self, identities: Iterable[str]) -> None:
        """Take turns as known by their ids."""
        self._known = (self._known or set()) | {key_of_text(text) for text in identities}

    def look(
        self,
        ledgers: Sequence[LedgerPaths],
        only: LedgerPaths | None,
        index: str | None,
        progress: Progress | None = None,
    ) -> list[dict[str, Any]]:
        """Return the turns since the last look, the oldest first; the first time there are none.

        Each has the keys of `turn_rows.FIELDS`. Files that change meanwhile are left to the next
        look.

        Args:
            ledgers: all ledgers of which an index is kept.
            only: the one ledger of them whose files are asked about.
            index: the path of the index; without one, the files are read.
            progress: is told how many bytes were read, and when the index is open.

        Raises:
            FileSystemError: the ledgers can't be read.
        """
        known = [*ledgers, *([only] if only else [])]
        try:
            return ask_index(index, known, progress, lambda opened: self._new(opened, known, only))
        except ChangedError:
            return []

    def _new(
        self, opened: OpenIndex, ledgers: Sequence[LedgerPaths], only: LedgerPaths | None
    ) -> list[dict[str, Any]]:
        database = opened.database
        words = Words(database)
        filters = [filter_of(words, d, values) for d, values in self._where]
        ledger = None if only is None else ledger_number(database, only)
        ask = Statements(database, self._zone, self._span, filters, ledger)
        sources = ask.sources_of_turns()
        found = set(ids_of(database, sources))
        if self._known is None:
            self._known = found
            return []
        new = sorted(found - self._known)[:_MOST_AT_ONCE]
        if not new:
            return []
        chosen = f"t.id in ({', '.join(map(str, new))})"
        sources = [Source(s.table, (*s.conditions, chosen)) for s in sources]
        turns = list(select(database, sources, "-when", 0))
        rows = rows_of(turns, words, RowReader(database, ledgers), database)
        self._known.update(new)
        return [
            row for row in rows if self._grep is None or self._grep.matches(row["prompt"] or "")
        ]
