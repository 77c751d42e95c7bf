"""Record items: under the ledger's lock if it is free in time, else by way of the spool.

An item, an event or a given record, is accepted once its row, its running execution or its spool
file is written. Whoever holds the lock next takes what waits in the spool, in the order of time,
before its own item.
"""

from __future__ import annotations

import os
import time

from tokentrack.common.timestamps import now_us
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.events import Event
from tokentrack.recorder.execution_state import ExecutionState, expect_numbers
from tokentrack.recorder.executions import Executions
from tokentrack.recorder.rows import new_lines
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

    Item = Event | FinishedExecution
    from tokentrack.store.paths import LedgerPaths

_DRAIN_SECONDS = 0.2


class Turn:
    """One holder's turn; close it."""

    def __init__(self, held: LockedLedger, config: TrackerConfig) -> None:
        """Open the executions of a held ledger.

        Raises:
            OSError: they can't be opened.
        """
        self._held = held
        self._durable = config.durability == "fsync"
        ledger_size = held.size_if_complete()
        self._state = ExecutionState(held.state)
        self._executions = Executions(self._state, config, ledger_size)

    def close(self) -> None:
        """Close the executions."""
        self._state.close()

    def drain(self, spools: Mapping[str, Directory]) -> tuple[int, bool]:
        """Record what waits, as time allows; return how many were taken and whether all were.

        Raises:
            OSError: it can't be recorded now; it waits on.
        """
        from tokentrack.recorder.drain import Drain

        drain = Drain(self._held, self._state, self._executions, spools, durable=self._durable)
        drain.finish_interrupted()
        return drain.take(_DRAIN_SECONDS)

    def record(self, items: Sequence[Item], *, repeated: bool) -> None:
        """Record items: their rows, then the state of the executions.

        Raises:
            OSError: they are not safe.
        """
        finished = self._executions.expire(now_us())
        for item in items:
            finished += self._executions.apply(item) if isinstance(item, Event) else [item]
        rows = new_lines(self._held, finished, repeated=repeated) if finished else []
        if rows:
            # The usage first: a row of the ledger must never lack the mark of what its number is.
            self._held.append_usage(USAGE_COLUMNS, [row[1] for row in rows], durable=self._durable)
            self._held.append(COLUMNS, [row[0] for row in rows], durable=self._durable)
            expect_numbers(self._held.state, finished)
        must_open = self._state.opens()
        try:
            self._state.commit(durable=self._durable)
        except OSError:
            # With its row written an execution is safe: left open, it is known by its id.
            if must_open:
                raise


_FILL_SECONDS = 0.005
# So many notes wait only where none can be answered: then the oldest are given up.
_MANY_NOTES = 100


class Recorder:
    """Records items in one ledger."""

    def __init__(
        self, paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]
    ) -> None:
        """Name the ledger and how to write it."""
        self.paths = paths
        self._config = config
        self._environ = environ
        self._durable = config.durability == "fsync"

    def record_event(self, event: Event) -> bool:
        """Record an event within the hook's wait for the lock; return whether it is safe."""
        return self.record([event], self._config.hook_lock_timeout_ms / 1000) == 1

    def record(self, items: Sequence[Item], seconds: float) -> int:
        """Record items, waiting for the lock at most `seconds`; return how many are safe.

        Those that are not are counted as lost.
        """
        try:
            return self.write(items, seconds)
        except OSError as error:
            return self.rescue(items, error)

    def write(self, items: Sequence[Item], seconds: float, *, repeated: bool = False) -> int:
        """Record items, or leave them in the spool when the lock is not free within `seconds`.

        Returns how many are safe.

        Args:
            items: what to record.
            seconds: how long to wait for the lock.
            repeated: whether an earlier call failed, perhaps after its rows were written.

        Raises:
            OSError: neither was possible, as far as one can tell.
        """
        held = self._hold(seconds)
        if held is None:
            safe = self._leave_in_spool(items)
        else:
            with held:
                safe = self._take(held, items, repeated=repeated)[1]
        try:
            self.drain()
        except OSError:
            pass  # what others left waits on; these items are safe
        return safe

    def rescue(self, items: Sequence[Item], cause: OSError) -> int:
        """Keep items that could not be recorded wherever that is possible; return how many are."""
        from tokentrack.recorder.rescue import rescue

        return rescue(items, self.paths, self._config, self._environ, cause)

    def drain(self) -> None:
        """Record what waits in the spool, unless another process holds the lock and will.

        Raises:
            OSError: it can't be recorded now; it waits on.
        """
        # Called after letting go of the lock too: what was left in the spool while it was held
        # must not wait for the next turn.
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._is_waiting() and time.monotonic() < deadline:
            held = self._hold(0)
            if held is None:
                return
            with held:
                if not self._take(held, (), repeated=False)[0]:
                    return

    def _take(
        self, held: LockedLedger, items: Sequence[Item], *, repeated: bool
    ) -> tuple[int, int]:
        # Returns how many were taken from the spool, and how many of the items are safe.
        turn = Turn(held, self._config)
        spools: dict[str, Directory] = {}
        try:
            self._add_spools(spools, held)
            taken, is_empty = (0, True)
            if spools or held.state.has(JOURNAL_NAME):
                taken, is_empty = turn.drain(spools)
            if not is_empty:
                return taken, self._leave_in_spool(items)  # behind what came before
            # Those of before: what these items end, Kiro writes about only later.
            due = due_notes(held.state, time.time()) if items else []
            turn.record(items, repeated=repeated)
            if due and (len(due) > _MANY_NOTES or self._has_places(due)):
                self._fill_in(held, due)
            return taken, len(items)
        finally:
            turn.close()
            for new in spools.values():
                new.close()

    def _has_places(self, due: list[str]) -> bool:
        # Whether Kiro has anything on this machine that could answer a note.
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

    def _hold(self, seconds: float) -> LockedLedger | None:
        return lock_ledger(self.paths, seconds, create=self._config.auto_create_directories)

    def _is_waiting(self) -> bool:
        return self._waits_here() or self._waits_elsewhere()

    def _waits_here(self) -> bool:
        try:
            with self._open_state() as state:
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

    def open_state(self) -> Directory:
        """Open the folder with the ledger's log, spool and executions; a missing one is made.

        Raises:
            OSError: it can't be opened or made.
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

    def _open_state(self) -> Directory:
        with self.paths.open_folder(create=False) as folder:
            return folder.child(self.paths.state)

    def _leave_in_spool(self, items: Sequence[Item]) -> int:
        from tokentrack.recorder import spooled

        safe = 0
        with self._open_state() as state:
            for item in items:
                data = spooled.encode(item)
                try:
                    spool.put(state, spooled.time_of(item), data, durable=self._durable)
                except OSError as error:
                    safe += self.rescue([item], error)
                else:
                    safe += 1
        return safe

    def _add_spools(self, spools: dict[str, Directory], held: LockedLedger) -> None:
        # The folders of waiting items that hold any: the ledger's own, and the user's.
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
