"""What a process does while it holds the ledger's lock: drain the spools, write its items, tidy up.

The items are safe before anything is done that can wait: the real numbers of earlier executions
and the hourly sweep.
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
from tokentrack.store.ledger import JOURNAL_NAME
from tokentrack.store.paths import rescue_folder
from tokentrack.store.pending import due_notes, is_of_ide
from tokentrack.workspace import kiro_home

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.ledger import LockedLedger

    Item = Event | FinishedExecution

_FILL_SECONDS = 0.005
_OWN, _RESCUE = "own", "rescue"


class UnderLock:
    """The work on one locked ledger; close it before the lock is released.

    Attributes:
        has_swept: whether this work began an hourly sweep.
    """

    def __init__(
        self, held: LockedLedger, config: TrackerConfig, environ: Mapping[str, str]
    ) -> None:
        """Read what the ledger's state is.

        Raises:
            OSError: it can't be read.
        """
        self.has_swept = False
        self._held = held
        self._config = config
        self._environ = environ
        self._durable = config.durability == "fsync"
        ledger_size = held.size_if_complete()
        self._state = ExecutionState(held.state)
        self._executions = Executions(self._state, config, ledger_size)

    def close(self) -> None:
        """Close the folders of the state."""
        self._state.close()

    def drain(self, seconds: float) -> tuple[int, bool]:
        """Record what waits in the spools for some seconds, but at least some of it.

        Returns how many items were taken, and whether nothing readable is left.

        Raises:
            OSError: it can't be recorded now and keeps waiting.
        """
        parents = self._waiting()
        if not parents and not self._held.state.has(JOURNAL_NAME):
            return 0, True
        from tokentrack.recorder.drain import Drain, Source

        sources: dict[str, Source] = {}
        try:
            for kind, parent in parents.items():
                new = spool.open_new(parent)
                if new is not None:
                    sources[kind] = Source(parent, new)
            drain = Drain(self._held, self._state, self._executions, sources, durable=self._durable)
            drain.finish_interrupted()
            return drain.take(seconds)
        finally:
            for source in sources.values():
                source.new.close()
            for parent in parents.values():
                if parent is not self._held.state:
                    parent.close()

    def _waiting(self) -> dict[str, Directory]:
        # The folders of the spools with waiting items: the ledger's own, and the user's.
        found: dict[str, Directory] = {}
        if spool.is_waiting(self._held.state):
            found[_OWN] = self._held.state
        rescued = rescue_folder(self._held.paths, self._environ)
        if os.path.isdir(rescued):
            try:
                parent = Directory.open(rescued)
            except OSError:
                return found  # another user's, after a run as root: what is here does not wait
            if spool.is_waiting(parent):
                found[_RESCUE] = parent
            else:
                parent.close()
        return found

    def write(self, items: Sequence[Item], *, repeated: bool) -> None:
        """Write items; see `Recorder.write`.

        Raises:
            OSError: they could not be written, as far as can be known.
        """
        # Only the notes of earlier executions: Kiro has not yet written about these.
        due = due_notes(self._held.state, time.time()) if items else []
        finished: list[FinishedExecution] = []
        for item in items:
            finished += self._executions.apply(item) if isinstance(item, Event) else [item]
        self._store(finished, repeated=repeated)
        try:
            self._tidy_up(due)
        except Exception:  # noqa: BLE001, S110  (the items are safe; the rest is tried again)
            pass

    def _store(self, finished: list[FinishedExecution], *, repeated: bool) -> None:
        held = self._held
        rows = new_lines(held, finished, repeated=repeated) if finished else []
        if rows:
            # The usage row first: a ledger row must never lack the source of its numbers.
            held.append_usage(USAGE_COLUMNS, [row[1] for row in rows], durable=self._durable)
            held.append(COLUMNS, [row[0] for row in rows], durable=self._durable)
            expect_numbers(held.state, finished)
        must_open = self._state.opens()
        try:
            self._state.commit(durable=self._durable)
        except OSError:
            # With its row written an execution is safe: if it stays open, its id is recognised.
            if must_open:
                raise

    def _tidy_up(self, due: list[str]) -> None:
        now = now_us()
        if self._state.must_sweep(now / 1_000_000):
            from tokentrack.recorder.sweep import Sweep

            sweep = Sweep(self._held.state, self._executions, now)
            self._store(sweep.run(self._state), repeated=False)
            self.has_swept = sweep.is_first
        if due and self._has_places(due):
            # The real numbers of earlier executions, as far as Kiro has written them.
            from tokentrack.kiro.reconcile.fill_in import fill_in

            fill_in(
                self._held, due, self._environ, self._config, seconds=_FILL_SECONDS, in_hook=True
            )

    def _has_places(self, due: list[str]) -> bool:
        # Whether Kiro has any files on this machine that could answer a note.
        if os.path.isdir(os.path.join(kiro_home(self._environ), "sessions")):
            return True
        if not any(is_of_ide(name) for name in due):
            return False
        from tokentrack.kiro.kiro_paths import KiroPaths

        return any(os.path.isdir(path) for path in KiroPaths(self._environ).ide_storages)
