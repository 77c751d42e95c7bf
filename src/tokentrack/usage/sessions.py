"""The sessions of a usage ledger in memory, kept up with what any process appends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tokentrack.reports.follow import LedgerFollower, StaleReadError
from tokentrack.reports.sums import SessionSum, cost_of
from tokentrack.usage.requests import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.budgets import BudgetSpend
    from tokentrack.reports.pricing import PriceTable
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.usage.requests import Fact


class _RepeatedError(Exception):
    # A request that was counted has a later row, which supersedes the earlier one.
    pass


class UsageView:
    """What the sessions used; the caller sees to it that one thread at a time is in here.

    Attributes:
        sessions: the running sums by session; one that was reset is not among them.
        imports: the names of the older files that are in the ledger as a whole.
    """

    def __init__(
        self,
        paths: LedgerPaths,
        prices: PriceTable,
        history_limit: int | None,
        spends: Sequence[BudgetSpend],
    ) -> None:
        """Name the ledger; nothing is read before `refresh`."""
        self._paths = paths
        self._prices = prices
        self._history_limit = history_limit
        self._spends = spends
        self._has_repeats = False
        self.clear()

    @property
    def problems(self) -> list[str]:
        """The first damaged places of the file, each with its line."""
        return list(self._follower.problems)

    @property
    def damaged(self) -> int:
        """How many damaged places the file has."""
        return self._follower.damaged

    def refresh(self) -> None:
        """Take in what was appended since the last time.

        Raises:
            FileSystemError: the file can't be read.
        """
        # A new day asks for a new reading: rows that were ahead of the clock may count now.
        rolled = [spend.roll() for spend in self._spends]
        if any(rolled):
            self.clear()
        while True:
            try:
                for fact in self._new_facts():
                    self._take(fact)
            except StaleReadError:
                self.clear()
            except _RepeatedError:
                self._has_repeats = True
                self.clear()
            else:
                return

    def clear(self) -> None:
        """Forget everything; the next `refresh` reads the file from its start."""
        self.sessions: dict[str, SessionSum] = {}
        self.imports: set[str] = set()
        self._seen: set[str] = set()
        self._follower = LedgerFollower(self._paths)
        self._is_new = True
        for spend in self._spends:
            spend.clear()

    def knows(self, request: Request) -> bool:
        """Tell whether a request was read from the file."""
        return request.request_id in self._seen

    def requests(self) -> Iterator[Request]:
        """Yield all requests of the file by a reading of its own, those of reset sessions too.

        Raises:
            FileSystemError: the file can't be read.
        """
        for fact in self._facts_once(LedgerFollower(self._paths)):
            if isinstance(fact, Request):
                yield fact

    def with_waiting(self, waiting: Sequence[Request]) -> dict[str, SessionSum]:
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

    def _new_facts(self) -> Iterator[Fact]:
        is_new, self._is_new = self._is_new, False
        return self._facts_once(self._follower) if is_new else self._follower.new_facts()

    def _facts_once(self, follower: LedgerFollower) -> Iterator[Fact]:
        # Of a request that is repeated only the last row.
        if not self._has_repeats:
            yield from follower.new_facts()
            return
        rows = Counter(
            fact.request_id
            for fact in LedgerFollower(self._paths).new_facts()
            if isinstance(fact, Request)
        )
        later = {name: count - 1 for name, count in rows.items() if count > 1}
        for fact in follower.new_facts():
            if isinstance(fact, Request) and later.get(fact.request_id):
                later[fact.request_id] -= 1
            else:
                yield fact

    def _take(self, fact: Fact) -> None:
        if not isinstance(fact, Request):
            self.sessions.pop(fact.session_id, None)
            return
        if fact.request_id in self._seen:
            raise _RepeatedError
        self._seen.add(fact.request_id)
        if fact.source_id:
            name, _, part = fact.source_id.rpartition(" ")
            number, _, count = part.partition("/")
            if number == count:
                self.imports.add(name)
        cost = cost_of(fact, self._prices)
        if fact.session_id not in self.sessions:
            self.sessions[fact.session_id] = SessionSum(self._history_limit)
        self.sessions[fact.session_id].add(fact, cost)
        for spend in self._spends:
            spend.add(fact, cost)
