"""Record events and rows: under the ledger's lock if it is free in time, else by way of the spool.

An item is safe once its row, its open execution or its spool file is written. Each process that
gets the lock first records the items in the spool, in the order of time, and then its own.
"""

from __future__ import annotations

import os
import time

from tokentrack.common.timestamps import now_us
from tokentrack.recorder.under_lock import UnderLock
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import JOURNAL_NAME, LockedLedger, lock_ledger
from tokentrack.store.paths import rescue_folder

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.events import Event
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.paths import LedgerPaths

    Item = Event | FinishedExecution

_DRAIN_SECONDS = 0.2
_NEVER = float("inf")


class Recorder:
    """Records items, events or rows that a caller gave, in one ledger."""

    def __init__(
        self,
        paths: LedgerPaths,
        config: TrackerConfig,
        environ: Mapping[str, str],
        *,
        until: float = _NEVER,
    ) -> None:
        """Take a ledger.

        Args:
            paths: the ledger.
            config: how to record.
            environ: the environment.
            until: when to be done, by the monotonic clock; what waits is left to others then.
        """
        self.paths = paths
        self._config = config
        self._environ = environ
        self._durable = config.durability == "fsync"
        self._must_register = False
        self._until = until

    def record(self, items: Sequence[Item], seconds: float) -> int:
        """Record items, or keep them elsewhere; return how many are safe.

        This is the one place where an event becomes safe whatever goes wrong below it. Items that
        are not safe are counted as lost.

        Args:
            items: what to record.
            seconds: how long to wait for the lock.
        """
        try:
            return self.write(items, seconds)
        except BaseException as error:
            safe = self.rescue(items, error)
            if not isinstance(error, Exception):
                raise
            return safe

    def write(self, items: Sequence[Item], seconds: float, *, repeated: bool = False) -> int:
        """Write items to the ledger, or to the spool if the lock is not free in time.

        Returns how many are safe.

        Args:
            items: what to write.
            seconds: how long to wait for the lock.
            repeated: whether an earlier call failed, perhaps after its rows were written.

        Raises:
            OSError: neither was possible, as far as can be known.
        """
        held = self._lock(min(seconds, max(0.0, self._left())))
        if held is None:
            safe = self._leave_in_spool(items)
        else:
            with held:
                safe = self._write_locked(held, items, repeated=repeated)[1]
        try:
            self.drain()
            if self._must_register:
                self._register()
        except Exception:  # noqa: BLE001, S110  (older items keep waiting; these are safe)
            pass
        return safe

    def rescue(self, items: Sequence[Item], cause: BaseException) -> int:
        """Keep items that can't be written in a spool; return how many are safe."""
        from tokentrack.recorder.rescue import rescue

        return rescue(items, self.paths, self._config, self._environ, cause)

    def count_loss(self, cause: BaseException) -> None:
        """Count an event that is lost before it could be recorded."""
        from tokentrack.recorder.rescue import count_loss

        count_loss(self.paths, self._environ, now_us(), cause)

    def drain(self) -> None:
        """Record what waits in the spool, unless another process holds the lock and will do it.

        Raises:
            OSError: it can't be recorded now and keeps waiting.
        """
        # Also called after the lock is released: what came into the spool while it was held must
        # not wait for the next turn.
        deadline = min(time.monotonic() + _DRAIN_SECONDS, self._until)
        while self._is_waiting() and time.monotonic() < deadline:
            held = self._lock(0)
            if held is None:
                return
            with held:
                if not self._write_locked(held, (), repeated=False)[0]:
                    return

    def open_state(self) -> Directory:
        """Open the folder of the ledger's log, spool and executions; create it if it is missing.

        Raises:
            OSError: it can't be opened or created.
        """
        with self.paths.open_folder(create=self._config.auto_create_directories) as folder:
            return self.paths.open_state(folder)

    def log(self, level: str, messages: list[str]) -> None:
        """Write messages to the ledger's log, as far as the configured level and the disk allow."""
        if not messages:
            return
        from tokentrack.recorder.log import write_log

        try:
            with self.open_state() as state:
                write_log(state, self._config.log_level, level, messages)
        except OSError:
            pass

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _lock(self, seconds: float) -> LockedLedger | None:
        return lock_ledger(self.paths, seconds, create=self._config.auto_create_directories)

    def _write_locked(
        self, held: LockedLedger, items: Sequence[Item], *, repeated: bool
    ) -> tuple[int, int]:
        # Returns how many items were taken from the spool, and how many of the given are safe.
        work = UnderLock(held, self._config, self._environ)
        try:
            taken, is_empty = work.drain(min(_DRAIN_SECONDS, self._left()))
            if not is_empty:
                return taken, self._leave_in_spool(items)  # what came before is still there
            work.write(items, repeated=repeated)
            self._must_register = self._must_register or work.has_swept
            return taken, len(items)
        finally:
            work.close()

    def _register(self) -> None:
        # Once an hour, after the items are safe: answers over all workspaces look for this ledger.
        self._must_register = False
        if self._config.registry_enabled:
            from tokentrack.store.registry import register

            register(self.paths, self._environ)

    def _leave_in_spool(self, items: Sequence[Item]) -> int:
        from tokentrack.recorder import spooled

        safe = 0
        with self._open_existing_state() as state:
            for item in items:
                data = spooled.encode(item)
                try:
                    spool.put(state, spooled.time_of(item), data, durable=self._durable)
                except OSError as error:
                    safe += self.rescue([item], error)
                else:
                    safe += 1
        return safe

    def _open_existing_state(self) -> Directory:
        with self.paths.open_folder(create=False) as folder:
            return folder.child(self.paths.state)

    def _is_waiting(self) -> bool:
        return self._waits_here() or self._waits_elsewhere()

    def _waits_here(self) -> bool:
        try:
            with self._open_existing_state() as state:
                return state.has(JOURNAL_NAME) or spool.is_waiting(state)
        except OSError:
            return False

    def _waits_elsewhere(self) -> bool:
        try:
            rescued = rescue_folder(self.paths, self._environ)
            if not os.path.isdir(rescued):
                return False
            with Directory.open(rescued) as parent:
                return spool.is_waiting(parent)
        except OSError:
            return False
