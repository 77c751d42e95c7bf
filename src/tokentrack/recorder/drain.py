"""Record what waits in the spools, oldest first, exactly once however often it is interrupted.

`Drain` takes batches from the spools. `Journal` keeps the changes of a batch in the state folder:
they are written there first, and the next process that gets the lock finishes an interrupted batch.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tokentrack.common import fastjson
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder import spooled
from tokentrack.recorder.events import Event
from tokentrack.recorder.rows import expect_numbers, new_lines
from tokentrack.store import spool
from tokentrack.store.directory import is_entry_name
from tokentrack.store.ledger import JOURNAL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.recorder.execution_state import ExecutionState
    from tokentrack.recorder.executions import Executions
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger

_DONE = "drained.json"
_MAX_REMEMBERED = 2000
# The limit of the journal: rows, opened executions and names of one batch, with room to spare.
_MAX_BYTES = 128 * 1024 * 1024
_BATCH_ITEMS = 40
_BATCH_BYTES = 256 * 1024


class Journal:
    """The journal in the state folder of a locked ledger."""

    def __init__(self, state: Directory) -> None:
        self._state = state

    def pending(self) -> dict[str, Any] | None:
        """Return the changes of an interrupted batch, None without one.

        {} stands for a journal that can't be read: no drain will ever finish it.
        """
        changes = self._read(JOURNAL_NAME)
        return {} if changes is None and self._state.has(JOURNAL_NAME) else changes

    def done(self) -> list[str]:
        """Return the names of the spool files that were recorded last."""
        names = (self._read(_DONE) or {}).get("names")
        return names if isinstance(names, list) else []

    def begin(self, changes: Mapping[str, Any], *, durable: bool) -> None:
        """Write the changes of a batch to the journal.

        Raises:
            OSError: they can't be written; then nothing may be changed.
        """
        self._write(JOURNAL_NAME, changes, durable=durable)

    def end(self, names: list[str], *, durable: bool) -> None:
        """Note that a batch is recorded, and the names of its spool files.

        Raises:
            OSError: it can't be noted; then all is done again, which changes nothing.
        """
        self._write(_DONE, {"names": names[-_MAX_REMEMBERED:]}, durable=False)
        self._state.remove(JOURNAL_NAME)
        if durable:
            self._state.sync()

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            size = self._state.status(name).st_size
            if size > _MAX_BYTES:
                return None
            value = fastjson.loads(self._state.read_tail(name, size).decode("ascii"))
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def _write(self, name: str, value: Mapping[str, Any], *, durable: bool) -> None:
        self._state.replace(name, fastjson.dumps(value).encode("ascii"), durable=durable)


class Drain:
    """Records what waits in the spools of a locked ledger."""

    def __init__(
        self,
        held: LockedLedger,
        state: ExecutionState,
        executions: Executions,
        spools: Mapping[str, Directory],
        *,
        durable: bool,
    ) -> None:
        """Take the ledger, its executions, and by kind the folders with waiting items."""
        self._held = held
        self._state = state
        self._executions = executions
        self._spools = spools
        self._durable = durable
        self._journal = Journal(held.state)
        self._taken = self._journal.done()

    def finish_interrupted(self) -> None:
        """Apply the changes in the journal of an interrupted drain.

        Raises:
            OSError: they can't be applied now; the journal stays.
        """
        changes = self._journal.pending()
        if changes is None:
            return
        try:
            appends = [(str(a[0]), int(a[1]), str(a[2]).encode()) for a in changes["appends"]]
            files = _spool_files(changes)
            names = {name for name, _ in self._files()}
            appends = [change for change in appends if change[0] in names]
            # Last, since nothing of a foreign journal may take effect.
            self._state.stage(changes["state"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            self._held.quarantine_file(JOURNAL_NAME, "drain journal")
            return
        self._do(appends, files)

    def take(self, seconds: float) -> tuple[int, bool]:
        """Record waiting items for some seconds, but at least one batch.

        Returns how many were taken, and whether nothing readable is left.

        Args:
            seconds: how long, after the names were read.

        Raises:
            OSError: they can't be recorded now and keep waiting.
        """
        names = self._waiting()
        # Reading the names of a very large spool takes longer than the rest: it must be worth it.
        deadline = time.monotonic() + seconds
        taken = 0
        while names:
            batch, names = self._read_batch(names)
            self._take_batch(batch)
            taken += len(batch)
            if time.monotonic() >= deadline:
                break
        return taken, not names

    def _waiting(self) -> list[tuple[str, str]]:
        # The names begin with the time: one order for all spools.
        found = [(name, kind) for kind, new in self._spools.items() for name in new.names()]
        return [(kind, name) for name, kind in sorted(found)]

    def _read_batch(
        self, names: list[tuple[str, str]]
    ) -> tuple[dict[tuple[str, str], bytes], list[tuple[str, str]]]:
        batch: dict[tuple[str, str], bytes] = {}
        size = 0
        for count, (kind, name) in enumerate(names[:_BATCH_ITEMS], start=1):
            try:
                batch[kind, name] = spool.read(self._spools[kind], name)
            except OSError:
                continue  # a file that can't be read must not keep the others waiting
            size += len(batch[kind, name])
            if size > _BATCH_BYTES:
                return batch, names[count:]
        return batch, names[_BATCH_ITEMS:]

    def _take_batch(self, batch: Mapping[tuple[str, str], bytes]) -> None:
        finished: list[FinishedExecution] = []
        seen = set(self._taken)
        for (_, name), data in batch.items():
            item = None if name in seen else spooled.decode(data)
            if isinstance(item, Event):
                finished += self._executions.apply(item)
            elif item is not None:
                finished.append(item)
            elif name not in seen:
                self._held.quarantine([data], "spooled event")
        files = list(batch)
        appends = self._appends(finished)
        changes = {
            "appends": [(name, size, data.decode()) for name, size, data in appends],
            "state": self._state.staged(),
            "spool": files,
        }
        self._journal.begin(changes, durable=self._durable)
        self._do(appends, files)
        if appends:
            expect_numbers(self._held.state, finished)

    def _appends(self, finished: list[FinishedExecution]) -> list[tuple[str, int, bytes]]:
        rows = new_lines(self._held, finished, repeated=True) if finished else []
        if not rows:
            return []
        # The usage row first: a ledger row must never lack the source of its numbers.
        return [
            (
                name,
                self._held.remove_torn_line(name, columns),
                b"".join([r[part] for r in rows]),
            )
            for part, (name, columns) in reversed(list(enumerate(self._files())))
        ]

    def _files(self) -> list[tuple[str, Sequence[str]]]:
        paths = self._held.paths
        return [(paths.ledger, COLUMNS), (paths.usage, USAGE_COLUMNS)]

    def _do(self, appends: list[tuple[str, int, bytes]], files: list[Any]) -> None:
        columns = dict(self._files())
        for name, size, data in appends:
            self._held.append_missing(name, columns[name], size, data)
        self._state.commit(durable=self._durable)
        for kind, name in files:
            if kind in self._spools:
                self._spools[kind].remove(name)
        if self._durable:
            for new in self._spools.values():
                new.sync()
        self._taken = [*self._taken, *[name for _, name in files]]
        self._journal.end(self._taken, durable=self._durable)


def _spool_files(changes: Mapping[str, Any]) -> list[tuple[str, str]]:
    files = [(str(kind), str(name)) for kind, name in changes["spool"]]
    if not all(is_entry_name(name) for _, name in files):
        raise ValueError("a name that a spool file can't have")
    return files
