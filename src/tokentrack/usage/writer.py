"""Append to the usage ledger under its lock, with the code that the hook appends with."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.errors import FileSystemError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.budgets import new_alerts
from tokentrack.reports.requests import SessionReset, UsageRequest, encode_entry
from tokentrack.store.append import ForeignFileError
from tokentrack.store.ledger import lock_ledger
from tokentrack.usage.outbox import pause_for_forks, renew_in_children

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.budgets import BudgetAlert, BudgetMeter
    from tokentrack.reports.requests import UsageEntry
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.usage.sessions import SessionCache

LOCK_SECONDS = 10.0
_log = logging.getLogger("tokentrack.usage")


class UsageWriter:
    """Writes the entries of one usage ledger.

    Attributes:
        view: what the ledger holds.
        reading: held by whoever looks into the view.
    """

    def __init__(
        self, paths: LedgerPaths, view: SessionCache, meters: Sequence[BudgetMeter]
    ) -> None:
        """Name the ledger, and the view and the budgets that follow it."""
        self._paths = paths
        self._meters = meters
        self.view = view
        self.renew()
        pause_for_forks(self)
        renew_in_children(self)

    def pause(self) -> None:
        """Wait until nobody holds the ledger, before a fork."""
        self._holding.acquire()

    def resume(self) -> None:
        """Let the next holder in."""
        self._holding.release()

    def renew(self) -> None:
        """Begin anew in a forked child: another thread may have been reading."""
        self.reading = threading.RLock()
        self._holding = threading.Lock()
        self.view.clear()

    def write(self, requests: Sequence[UsageRequest]) -> list[BudgetAlert]:
        """Append requests, and return the alerts that they give.

        Raises:
            OSError: they could not be written; the file is as it was before.
            FileSystemError: another process held the lock for 10 s.
        """
        with self._hold() as held:
            self._append(held, requests)
            return self._alerts(held) if self._meters else []

    def reset(self, session_id: str) -> bool:
        """Begin a session's count anew; return whether it had one.

        Raises:
            OSError: the reset could not be written.
            FileSystemError: the ledger can't be read, or its lock was held for 10 s.
        """
        with self._hold() as held, self.reading:
            self.view.refresh()
            if session_id not in self.view.sessions:
                return False
            self._append(held, [SessionReset(timestamps.now_us(), session_id)])
            self.view.refresh()
            return True

    def has_imported(self, name: str) -> bool:
        """Tell whether an older tracker's file is in the ledger as a whole.

        Raises:
            FileSystemError: the ledger can't be read.
        """
        with self.reading:
            self.view.refresh()
            return name in self.view.imports

    def import_requests(self, requests: Sequence[UsageRequest]) -> None:
        """Append the requests that the ledger does not have.

        Raises:
            OSError: they could not be written.
            FileSystemError: the ledger can't be read, or its lock was held for 10 s.
        """
        with self._hold() as held, self.reading:
            self.view.refresh()
            missing = [request for request in requests if not self.view.knows(request)]
            if missing:
                self._append(held, missing)

    @contextmanager
    def _hold(self) -> Iterator[LockedLedger]:
        with self._holding:
            held = lock_ledger(self._paths, LOCK_SECONDS, create=True)
            if held is None:
                raise FileSystemError(
                    f"{self._paths.lock} in {self._paths.folder} was held by another process for "
                    f"{LOCK_SECONDS:.0f} s: try again when it is done"
                )
            with held:
                yield held

    def _append(self, held: LockedLedger, entries: Sequence[UsageEntry]) -> None:
        lines = [encode_entry(entry) for entry in entries]
        try:
            held.append_usage(USAGE_COLUMNS, lines, durable=True)
        except ForeignFileError:
            self._set_aside()
            held.append_usage(USAGE_COLUMNS, lines, durable=True)

    def _set_aside(self) -> None:
        # A file that is no usage ledger is kept under another name, never written to.
        name = self._paths.usage
        stamp = timestamps.format_us(timestamps.now_us()).replace(":", "").replace("-", "")
        aside = f"{name}.corrupt-{stamp}-{os.urandom(2).hex()}"
        with self._paths.open_folder(create=False) as folder:
            if folder.read(name, 4096).startswith(",".join(COLUMNS[:4]).encode()):
                raise FileSystemError(
                    f"{name} in {folder.path} is a ledger of executions: name a usage ledger"
                )
            folder.rename_to(name, folder, aside)
            folder.sync()
        _log.warning("%s was no usage ledger: it is kept as %s", name, aside)

    def _alerts(self, held: LockedLedger) -> list[BudgetAlert]:
        try:
            with self.reading:
                self.view.refresh()
                return new_alerts(held.state, self._meters)
        except (OSError, FileSystemError) as error:
            # The requests are safe; the alert comes with the next one.
            _log.warning("the budgets can't be checked now: %s", error)
            return []
