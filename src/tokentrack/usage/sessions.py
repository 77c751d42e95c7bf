"""The sessions of a usage ledger in memory, brought up to date with what any process appends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tokentrack.reports.incremental import IncrementalReader, StaleReadError
from tokentrack.reports.requests import UsageRequest
from tokentrack.reports.sums import SessionSum, cost_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.budgets import BudgetMeter
    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.requests import UsageEntry
    from tokentrack.store.paths import LedgerPaths


class _RepeatedError(Exception):
    # A request that is counted already has a later row, which supersedes the earlier one.
    pass


class SessionCache:
    """The sessions of a usage ledger; only one thread at a time may use it.

    Attributes:
        sessions: the running sum of each session with requests since its last reset.
        imports: the names of the older trackers' files that are imported completely.
    """

    def __init__(
        self,
        paths: LedgerPaths,
        prices: PriceTable,
        history_limit: int | None,
        meters: Sequence[BudgetMeter],
    ) -> None:
        """Name the ledger; nothing is read before `refresh`."""
        self._paths = paths
        self._prices = prices
        self._history_limit = history_limit
        self._meters = meters
        self._has_repeats = False
        self.clear()

    @property
    def problems(self) -> list[str]:
        """The first damaged rows of the file, each with its line."""
        return list(self._reader.problems)

    @property
    def damaged(self) -> int:
        """How many damaged rows the file has."""
        return self._reader.damaged

    def refresh(self) -> None:
        """Read what was appended since the last time.

        Raises:
            FileSystemError: the file can't be read.
        """
        # A new period starts with a full read, since rows dated in the future may be in it.
        rolled = [meter.roll() for meter in self._meters]
        if any(rolled):
            self.clear()
        while True:
            try:
                for entry in self._new_entries():
                    self._take(entry)
            except StaleReadError:
                self.clear()
            except _RepeatedError:
                self._has_repeats = True
                self.clear()
            else:
                return

    def clear(self) -> None:
        """Forget everything; the next `refresh` reads the whole file."""
        self.sessions: dict[str, SessionSum] = {}
        self.imports: set[str] = set()
        self._seen: set[str] = set()
        self._reader = IncrementalReader(self._paths)
        self._is_new = True
        for meter in self._meters:
            meter.clear()

    def knows(self, request: UsageRequest) -> bool:
        """Tell whether a request is in the file, as far as it was read."""
        return request.request_id in self._seen

    def requests(self) -> Iterator[UsageRequest]:
        """Read the whole file anew, and yield its requests, those of reset sessions included.

        Raises:
            FileSystemError: the file can't be read.
        """
        for entry in self._entries_once(IncrementalReader(self._paths)):
            if isinstance(entry, UsageRequest):
                yield entry

    def with_waiting(self, waiting: Sequence[UsageRequest]) -> dict[str, SessionSum]:
        """Return the sums with requests that are not in the file yet."""
        sessions = dict(self.sessions)
        touched: set[str] = set()
        for request in waiting:
            if self.knows(request):
                continue
            name = request.session_id
            if name not in touched:
                touched.add(name)
                known = sessions.get(name)
                sessions[name] = known.copy() if known else SessionSum(self._history_limit)
            sessions[name].add(request, cost_of(request, self._prices))
        return sessions

    def _new_entries(self) -> Iterator[UsageEntry]:
        is_new, self._is_new = self._is_new, False
        return self._entries_once(self._reader) if is_new else self._reader.new_entries()

    def _entries_once(self, reader: IncrementalReader) -> Iterator[UsageEntry]:
        # Yields only the last row of a repeated request.
        if not self._has_repeats:
            yield from reader.new_entries()
            return
        rows = Counter(
            entry.request_id
            for entry in IncrementalReader(self._paths).new_entries()
            if isinstance(entry, UsageRequest)
        )
        later = {name: count - 1 for name, count in rows.items() if count > 1}
        for entry in reader.new_entries():
            if isinstance(entry, UsageRequest) and later.get(entry.request_id):
                later[entry.request_id] -= 1
            else:
                yield entry

    def _take(self, entry: UsageEntry) -> None:
        if not isinstance(entry, UsageRequest):
            self.sessions.pop(entry.session_id, None)
            return
        if entry.request_id in self._seen:
            raise _RepeatedError
        self._seen.add(entry.request_id)
        if entry.source_id:
            name, _, part = entry.source_id.rpartition(" ")
            number, _, count = part.partition("/")
            if number == count:
                self.imports.add(name)
        cost = cost_of(entry, self._prices)
        if entry.session_id not in self.sessions:
            self.sessions[entry.session_id] = SessionSum(self._history_limit)
        self.sessions[entry.session_id].add(entry, cost)
        for meter in self._meters:
            meter.add(entry, cost)
