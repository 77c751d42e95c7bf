"""Append to the usage ledger under its lock, with the code that the hook appends with."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.errors import FileSystemError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.requests.budgets import new_alerts
from tokentrack.store.append import ForeignFileError
from tokentrack.store.ledger import lock_ledger
from tokentrack.usage.requests import SessionReset, encode_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.requests.budgets import BudgetAlert, BudgetMeter
    from tokentrack.reports.requests.token_usage import UsageRequest
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.usage.requests import UsageEntry
    from tokentrack.usage.usage_index import UsageIndex

_LOCK_SECONDS = 10.0
_log = logging.getLogger("tokentrack.usage")


class UsageWriter:
    """Writes the requests and resets of one usage ledger.

    Attributes:
        index: the requests of the ledger; opened after the ledger's lock is taken, never before.
    """

    def __init__(
        self, paths: LedgerPaths, index: UsageIndex, meters: Sequence[BudgetMeter]
    ) -> None:
        """Name the ledger, its index, and the budgets."""
        self._paths = paths
        self._meters = meters
        self.index = index

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
        with self._locked() as ledger:
            with self.index.requests() as requests:
                is_known = requests.has_session(session_id)
            if is_known:
                self._append(ledger, [SessionReset(timestamps.now_us(), session_id)])
            return is_known

    def import_requests(self, requests: Sequence[UsageRequest]) -> None:
        """Append the requests that the ledger lacks.

        Raises:
            OSError: they could not be written.
            FileSystemError: the ledger can't be read, or its lock was held for 10 s.
        """
        with self._locked() as ledger:
            with self.index.requests() as known:
                lacking = known.missing([request.request_id for request in requests])
            missing = [request for request in requests if request.request_id in lacking]
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
            with self.index.requests() as requests:
                return new_alerts(ledger.state, self._meters, requests)
        except (OSError, FileSystemError) as error:
            # The requests are on disk; the next ones cause the alerts.
            _log.warning("the budgets can't be checked now: %s", error)
            return []
