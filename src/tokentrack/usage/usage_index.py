"""The requests of a tracker's usage ledger, with those that are not on disk yet."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

# At once: where one thread imports a module while another forks, the child could wait for ever.
from tokentrack.errors import FileSystemError
from tokentrack.reports.index.held import HeldIndex
from tokentrack.reports.requests.tracked_requests import TrackedRequests
from tokentrack.reports.turns.row_reader import ChangedError
from tokentrack.reports.zones import Zone
from tokentrack.usage.requests import encode_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo
    from typing import TypeVar

    from tokentrack.reports.groups import Key
    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.pricing.request_costs import RequestSum
    from tokentrack.reports.requests.token_usage import UsageRequest
    from tokentrack.store.paths import LedgerPaths

    _Answer = TypeVar("_Answer")

_ATTEMPTS = 3


class UsageIndex:
    """The index of a usage ledger; safe for any number of threads.

    Attributes:
        paths: the usage ledger, without the ledger that it may belong to.
    """

    def __init__(self, paths: LedgerPaths, prices: PriceTable, zone: tzinfo | None) -> None:
        """Name the usage ledger, the prices and the time zone of periods."""
        self.paths = paths
        self._prices = prices
        self._zone = zone
        self._held: HeldIndex | None = None
        self._changes = 0
        self._sums: dict[Key, dict[Key, RequestSum]] = {}

    @contextmanager
    def requests(self, waiting: Sequence[UsageRequest] = ()) -> Iterator[TrackedRequests]:
        """Open the requests of the file, and those that wait for the disk.

        Raises:
            FileSystemError: the file can't be read.
        """
        if self._held is None:
            self._held = HeldIndex(self.paths, Zone(self._zone))
        with self._held.opened([encode_entry(request) for request in waiting]) as database:
            if self._held.changes != self._changes:
                self._changes = self._held.changes
                self._sums = {}
            sums = {} if waiting else self._sums
            yield TrackedRequests(database, self._prices, self._zone, sums)

    def read_back(self, read: Callable[[TrackedRequests], _Answer]) -> _Answer:
        """Return what is read from single rows of the file.

        Raises:
            FileSystemError: the file can't be read, or kept changing.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self.requests() as requests:
                    return read(requests)
            except ChangedError:
                self.start_over()
        raise FileSystemError(
            f"the usage ledger {self.paths.path} kept changing while it was read: try again"
        )

    def start_over(self) -> None:
        """Forget what was read, as in a forked child, which can't use the parent's."""
        if self._held is not None:
            self._held.close()
