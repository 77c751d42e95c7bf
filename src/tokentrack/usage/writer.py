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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.budgets import BudgetAlert, BudgetMeter
    from tokentrack.reports.requests import UsageEntry
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.usage.sessions import SessionCache

_LOCK_SECONDS = 10.0
_log = logging.getLogger("tokentrack.usage")


class UsageWriter:
    """Writes the requests and resets of one usage ledger.

    Attributes:
        cache: the sessions of the ledger.
        cache_lock: to be held while the cache is used; taken after the ledger's lock.
    """

    def __init__(
        self, paths: LedgerPaths, cache: SessionCache, meters: Sequence[BudgetMeter]
    ) -> None:
        """Name the ledger, its cache, and the budgets that the cache charges."""
        self._paths = paths
        self._meters = meters
        self.cache = cache
        self.start_over()

    def start_over(self) -> None:
        """Renew the lock and empty the cache: a forked child may have got either in use."""
        self.cache_lock = threading.RLock()
        self.cache.clear()

    def write(self, requests: Sequence[UsageRequest]) -> list[BudgetAlert]:
        """Append requests, and return the alerts that they cause.

        Raises:
            OSError: they could not be written; the file is as it was before.
            FileSystemError: another process held the lock for 10 s.
        """
        with self._locked() as ledger:
            self._append(ledger, requests)
            return self._alerts(ledger) if self._meters else []

    def reset(self, session_id: str) -> bool:
        """Restart a session's count; return whether it had one.

        Raises:
            OSError: the reset could not be written.
            FileSystemError: the ledger can't be read, or its lock was held for 10 s.
        """
        with self._locked() as ledger, self.cache_lock:
            self.cache.refresh()
            if session_id not in self.cache.sessions:
                return False
            self._append(ledger, [SessionReset(timestamps.now_us(), session_id)])
            self.cache.refresh()
            return True

    def has_imported(self, name: str) -> bool:
        """Tell whether all requests of an older tracker's file are in the ledger.

        Raises:
            FileSystemError: the ledger can't be read.
        """
        with self.cache_lock:
            self.cache.refresh()
            return name in self.cache.imports

    def import_requests(self, requests: Sequence[UsageRequest]) -> None:
        """Append the requests that the ledger lacks.

        Raises:
            OSError: they could not be written.
            FileSystemError: the ledger can't be read, or its lock was held for 10 s.
        """
        with self._locked() as ledger, self.cache_lock:
            self.cache.refresh()
            missing = [request for request in requests if not self.cache.knows(request)]
            if missing:
                self._append(ledger, missing)

    @contextmanager
    def _locked(self) -> Iterator[LockedLedger]:
        ledger = lock_ledger(self._paths, _LOCK_SECONDS, create=True)
        if ledger is None:
            raise FileSystemError(
                f"{self._paths.lock} in {self._paths.folder} was held by another process for "
                f"{_LOCK_SECONDS:.0f} s: try again when that process is done"
            )
        with ledger:
            yield ledger

    def _append(self, ledger: LockedLedger, entries: Sequence[UsageEntry]) -> None:
        lines = [encode_entry(entry) for entry in entries]
        try:
            ledger.append_usage(USAGE_COLUMNS, lines, durable=True)
        except ForeignFileError:
            self._set_aside()
            ledger.append_usage(USAGE_COLUMNS, lines, durable=True)

    def _set_aside(self) -> None:
        # A file that is not a usage ledger is renamed, never written to.
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
        _log.warning("%s was not a usage ledger: it is kept as %s", name, aside)

    def _alerts(self, ledger: LockedLedger) -> list[BudgetAlert]:
        try:
            with self.cache_lock:
                self.cache.refresh()
                return new_alerts(ledger.state, self._meters)
        except (OSError, FileSystemError) as error:
            # The requests are on disk; the next ones cause the alerts.
            _log.warning("the budgets can't be checked now: %s", error)
            return []
