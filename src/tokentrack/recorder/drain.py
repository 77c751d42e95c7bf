"""Record what waits in the spools, oldest first, exactly once however often it is interrupted.

What is not an event, or can't be recorded, is moved out of the way of the others.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder import spooled
from tokentrack.recorder.events import Event
from tokentrack.recorder.journal import Journal
from tokentrack.recorder.rows import expect_numbers, new_lines
from tokentrack.store import quarantine, spool
from tokentrack.store.directory import NotRegularError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.recorder.execution_state import ExecutionState
    from tokentrack.recorder.executions import Executions
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger

_BATCH_ITEMS = 40
_BATCH_BYTES = 256 * 1024
# In characters. What is longer has no journal: that would need more memory than a hook may take.
_MOST_TEXT = 1024 * 1024
_MOST_MOVED = 1000


class Source(NamedTuple):
    """A spool with waiting items.

    Attributes:
        parent: the folder of the spool.
        new: its folder of waiting items.
    """

    parent: Directory
    new: Directory

    def close(self) -> None:
        """Close the folder of waiting items; the other belongs to the caller."""
        self.new.close()


class _Waiting(NamedTuple):
    kind: str
    name: str
    item: Event | FinishedExecution | None  # None is recorded already


class Drain:
    """Records what waits in the spools of a locked ledger."""

    def __init__(
        self,
        held: LockedLedger,
        state: ExecutionState,
        executions: Executions,
        sources: Mapping[str, Source],
        *,
        durable: bool,
    ) -> None:
        """Take the ledger, its executions, and by kind the spools with waiting items."""
        self._held = held
        self._state = state
        self._executions = executions
        self._sources = sources
        self._durable = durable
        self._journal = Journal(held.state, held.paths)
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
            self._state.stage(changes["state"])
            appends = [(name, size, text.encode()) for name, size, text in changes["appends"]]
            self._do(appends, [(kind, name) for kind, name in changes["spool"]])
        except OSError:
            raise
        except Exception:  # noqa: BLE001  (a journal that can't be finished must block no event)
            self._state.forget()
            self._journal.give_up()

    def take(self, seconds: float) -> tuple[int, bool]:
        """Record waiting items for some seconds, but at least one batch.

        Returns how many were taken, and whether nothing readable is left.

        Args:
            seconds: how long, after the names were read.

        Raises:
            OSError: they can't be recorded now and keep waiting.
        """
        names = self._look()
        # Reading the names of a very large spool takes longer than the rest: it must be worth it.
        deadline = time.monotonic() + seconds
        taken = 0
        while names:
            batch, names = self._read_batch(names)
            taken += len(batch)
            while batch:
                batch = batch[self._take_batch(batch) :]
            if time.monotonic() >= deadline:
                break
        if names and not taken:
            # So many unreadable files: the events among them can't be found in time.
            for source in self._sources.values():
                spool.set_aside(source.parent)
            names = []
        return taken, not names

    def _look(self) -> list[tuple[str, str]]:
        # The names begin with the time: one order for all spools.
        found: list[tuple[str, str]] = []
        for kind, source in self._sources.items():
            events, others, is_all = spool.look(source.new)
            if not is_all and spool.set_aside(source.parent):
                continue
            for name in others[:_MOST_MOVED]:
                self._move_away(kind, name, "not an event")
            found += [(name, kind) for name in events]
        return [(kind, name) for name, kind in sorted(found)]

    def _read_batch(
        self, names: list[tuple[str, str]]
    ) -> tuple[list[_Waiting], list[tuple[str, str]]]:
        batch: list[_Waiting] = []
        size = 0
        for count, (kind, name) in enumerate(names[:_BATCH_ITEMS], start=1):
            if name in self._taken:
                batch.append(_Waiting(kind, name, None))
                continue
            try:
                data = spool.read(self._sources[kind].new, name)
                item = spooled.decode(data)
            except (NotRegularError, TooLargeError, PermissionError, ValueError):
                self._move_away(kind, name, "spooled event")
            except OSError:
                continue  # a file that can't be read must not keep the others waiting
            else:
                batch.append(_Waiting(kind, name, item))
                size += len(data)
                del data
            if size > _BATCH_BYTES:
                return batch, names[count:]
        return batch, names[_BATCH_ITEMS:]

    def _take_batch(self, batch: Sequence[_Waiting]) -> int:
        # Returns how many of the batch are recorded or moved away.
        try:
            return self._record(batch)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  (one of these fails each time: it must block no event)
            self._state.forget()
            self._journal.cancel()
            if len(batch) > 1:
                return sum(self._take_batch([one]) for one in batch)
            self._move_away(batch[0].kind, batch[0].name, "event that fails")
            return 1

    def _record(self, batch: Sequence[_Waiting]) -> int:
        finished: list[FinishedExecution] = []
        length = count = 0
        for _, _, item in batch:
            if isinstance(item, Event):
                ended = self._executions.apply(item)
                length += len(item.prompt)
            else:
                ended = [] if item is None else [item]
            finished += ended
            length += sum(len(done.transaction.prompt_text) for done in ended)
            count += 1
            if length > _BATCH_BYTES:
                break
        files = [(kind, name) for kind, name, _ in batch[:count]]
        appends = self._appends(finished)
        if length <= _MOST_TEXT:
            changes = {
                "appends": [(name, size, data.decode()) for name, size, data in appends],
                "state": self._state.staged(),
                "spool": files,
            }
            self._journal.begin(changes, durable=self._durable)
            del changes
        self._do(appends, files)
        if appends:
            expect_numbers(self._held.state, finished)
        return count

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

    def _do(self, appends: list[tuple[str, int, bytes]], files: list[tuple[str, str]]) -> None:
        columns = dict(self._files())
        for name, size, data in appends:
            self._held.append_missing(name, columns[name], size, data)
        self._state.commit(durable=self._durable)
        for kind, name in files:
            if kind in self._sources:
                self._remove(kind, name)
        if self._durable:
            for source in self._sources.values():
                source.new.sync()
        self._taken = [*self._taken, *[name for _, name in files]]
        self._journal.end(self._taken, durable=self._durable)

    def _remove(self, kind: str, name: str) -> None:
        new = self._sources[kind].new
        try:
            new.remove(name)
        except OSError:
            if not quarantine.clear_way(self._sources[kind].parent, new, name):
                raise

    def _move_away(self, kind: str, name: str, reason: str) -> None:
        source = self._sources[kind]
        quarantine.set_aside(source.parent, source.new, name, reason)
