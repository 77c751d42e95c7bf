"""Record events and rows: under the ledger's lock if it is free in time, else by way of the spool.

An item is safe once its row, its open execution or its spool file is written. Each process that
gets the lock first records the items in the spool, in the order of time, and then its own.
"""

from __future__ import annotations

import os
import time

from tokentrack.common.timestamps import now_us
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.events import Event
from tokentrack.recorder.execution_state import ExecutionState
from tokentrack.recorder.executions import Executions
from tokentrack.recorder.rows import expect_numbers, new_lines
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import JOURNAL_NAME, LockedLedger, lock_ledger
from tokentrack.store.paths import rescue_folder
from tokentrack.store.pending import due_notes, is_of_ide
from tokentrack.workspace import kiro_home

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.paths import LedgerPaths

    Item = Event | FinishedExecution

_DRAIN_SECONDS = 0.2
_FILL_SECONDS = 0.005
# This many notes are due only if none can be answered; then the oldest are given up.
_MANY_NOTES = 100


class Recorder:
    """Records items, events or rows that a caller gave, in one ledger."""

    def __init__(
        self, paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]
    ) -> None:
        self.paths = paths
        self._config = config
        self._environ = environ
        self._durable = config.durability == "fsync"
        self._must_register = False

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
        except Exception as error:  # noqa: BLE001  (an event must not be lost, whatever is wrong)
            return self.rescue(items, error)

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
        held = self._lock(seconds)
        if held is None:
            safe = self._leave_in_spool(items)
        else:
            with held:
                safe = self._write_locked(held, items, repeated=repeated)[1]
        try:
            self.drain()
        except OSError:
            pass  # older items keep waiting; these are safe
        if self._must_register:
            self._register()
        return safe

    def rescue(self, items: Sequence[Item], cause: Exception) -> int:
        """Keep items that can't be written in a spool; return how many are safe."""
        from tokentrack.recorder.rescue import rescue

        return rescue(items, self.paths, self._config, self._environ, cause)

    def drain(self) -> None:
        """Record what waits in the spool, unless another process holds the lock and will do it.

        Raises:
            OSError: it can't be recorded now and keeps waiting.
        """
        # Also called after the lock is released: what came into the spool while it was held must
        # not wait for the next turn.
        deadline = time.monotonic() + _DRAIN_SECONDS
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

    def _lock(self, seconds: float) -> LockedLedger | None:
        return lock_ledger(self.paths, seconds, create=self._config.auto_create_directories)

    def _write_locked(
        self, held: LockedLedger, items: Sequence[Item], *, repeated: bool
    ) -> tuple[int, int]:
        # Returns how many items were taken from the spool, and how many of the given are safe.
        spools: dict[str, Directory] = {}
        ledger_size = held.size_if_complete()
        state = ExecutionState(held.state)
        try:
            executions = Executions(state, self._config, ledger_size)
            self._add_spools(spools, held)
            taken, is_empty = 0, True
            if spools or held.state.has(JOURNAL_NAME):
                taken, is_empty = self._drain_locked(held, state, executions, spools)
            if not is_empty:
                return taken, self._leave_in_spool(items)  # what came before is still there
            # Only the notes of earlier executions: Kiro has not yet written about these.
            due = due_notes(held.state, time.time()) if items else []
            self._process(held, state, executions, items, repeated=repeated)
            if due and (len(due) > _MANY_NOTES or self._has_places(due)):
                self._fill_in(held, due)
            return taken, len(items)
        finally:
            state.close()
            for new in spools.values():
                new.close()

    def _drain_locked(
        self,
        held: LockedLedger,
        state: ExecutionState,
        executions: Executions,
        spools: Mapping[str, Directory],
    ) -> tuple[int, bool]:
        # Returns how many items were taken, and whether the spools are empty now.
        from tokentrack.recorder.drain import Drain

        drain = Drain(held, state, executions, spools, durable=self._durable)
        drain.finish_interrupted()
        return drain.take(_DRAIN_SECONDS)

    def _process(
        self,
        held: LockedLedger,
        state: ExecutionState,
        executions: Executions,
        items: Sequence[Item],
        *,
        repeated: bool,
    ) -> None:
        finished = executions.expire(now_us())
        for item in items:
            finished += executions.apply(item) if isinstance(item, Event) else [item]
        self._must_register = executions.has_swept
        rows = new_lines(held, finished, repeated=repeated) if finished else []
        if rows:
            # The usage row first: a ledger row must never lack the source of its numbers.
            held.append_usage(USAGE_COLUMNS, [row[1] for row in rows], durable=self._durable)
            held.append(COLUMNS, [row[0] for row in rows], durable=self._durable)
            expect_numbers(held.state, finished)
        must_open = state.opens()
        try:
            state.commit(durable=self._durable)
        except OSError:
            # With its row written an execution is safe: if it stays open, its id is recognised.
            if must_open:
                raise

    def _register(self) -> None:
        # Once an hour, after the items are safe: answers over all workspaces look for this ledger.
        self._must_register = False
        if self._config.registry_enabled:
            from tokentrack.store.registry import register

            register(self.paths, self._environ)

    def _has_places(self, due: list[str]) -> bool:
        # Whether Kiro has any files on this machine that could answer a note.
        if os.path.isdir(os.path.join(kiro_home(self._environ), "sessions")):
            return True
        if not any(is_of_ide(name) for name in due):
            return False
        from tokentrack.kiro.kiro_paths import KiroPaths

        return any(os.path.isdir(path) for path in KiroPaths(self._environ).ide_storages)

    def _fill_in(self, held: LockedLedger, due: list[str]) -> None:
        # The real numbers of earlier executions, as far as Kiro has written them.
        from tokentrack.kiro.reconcile.fill_in import fill_in

        try:
            fill_in(held, due, self._environ, self._config, seconds=_FILL_SECONDS)
        except OSError:
            pass  # they stay due; the items are safe

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

    def _add_spools(self, spools: dict[str, Directory], held: LockedLedger) -> None:
        # The folders with waiting items: the ledger's own, and the user's.
        _add_spool(spools, "own", held.state)
        rescued = rescue_folder(self.paths, self._environ)
        if os.path.isdir(rescued):
            try:
                with Directory.open(rescued) as parent:
                    _add_spool(spools, "rescue", parent)
            except OSError:
                pass  # another user's, after a run as root: what is here does not wait for it


def _add_spool(found: dict[str, Directory], kind: str, parent: Directory) -> None:
    new = spool.open_new(parent)
    if new is None:
        return
    if spool.is_empty(new):
        new.close()
    else:
        found[kind] = new
