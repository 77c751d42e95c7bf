"""Record items: under the ledger's lock if it is free in time, else by way of the spool.

An item, an event or a given record, is accepted once its row, its running execution or its spool
file is written. Whoever holds the lock next takes what waits in the spool, in the order of time,
before its own item.
"""

from __future__ import annotations

import os

from tokentrack.events import Event
from tokentrack.execution_state import ExecutionState
from tokentrack.executions import Executions
from tokentrack.models.fields import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec, spool
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import BATCH_BYTES, HeldLedger, hold
from tokentrack.store.place import rescue_folder
from tokentrack.timestamps import now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.execution_records import Finished
    from tokentrack.models.config import TrackerConfig
    from tokentrack.store.place import Place

    Item = Event | Finished

_ID_COLUMN = COLUMNS.index("agent_execution_id")
_BATCH_ITEMS = 100
_DRAIN_US = 200_000


class Recorder:
    """Records items in one ledger."""

    def __init__(self, place: Place, config: TrackerConfig, environ: Mapping[str, str]) -> None:
        """Name the ledger and how to write it."""
        self._place = place
        self._config = config
        self._environ = environ
        self._durable = config.durability == "fsync"

    def record(self, items: Sequence[Item], seconds: float) -> int:
        """Record items, waiting for the lock at most `seconds`; return how many are safe.

        Those that are not are counted as lost.
        """
        try:
            self.write(items, seconds)
        except OSError as error:
            return self.rescue(items, error)
        return len(items)

    def write(self, items: Sequence[Item], seconds: float, *, repeated: bool = False) -> None:
        """Record items, or leave them in the spool when the lock is not free within `seconds`.

        Args:
            items: what to record.
            seconds: how long to wait for the lock.
            repeated: whether an earlier call failed, perhaps after its rows were written.

        Raises:
            OSError: neither was possible, as far as one can tell.
        """
        held = self._hold(seconds)
        if held is None:
            self._leave_in_spool(items)
        else:
            with held:
                _Turn(held, self._config).take(self._spools(held), items, repeated=repeated)
        self.drain()

    def rescue(self, items: Sequence[Item], cause: OSError) -> int:
        """Keep items that could not be recorded wherever that is possible; return how many are."""
        from tokentrack.rescue import rescue

        return rescue(items, self._place, self._config, self._environ, cause)

    def drain(self) -> None:
        """Record what waits in the spool, unless another process holds the lock and will."""
        # Called after letting go of the lock too: what was left in the spool while it was held
        # must not wait for the next turn.
        deadline = now_us() + _DRAIN_US
        while self._is_waiting() and now_us() < deadline:
            held = self._hold(0)
            if held is None:
                return
            with held:
                if not _Turn(held, self._config).take(self._spools(held), ()):
                    return

    def _hold(self, seconds: float) -> HeldLedger | None:
        return hold(self._place, seconds, create=self._config.auto_create_directories)

    def _is_waiting(self) -> bool:
        try:
            with self._open_state() as state:
                return bool(spool.waiting(state))
        except OSError:
            return False

    def _open_state(self) -> Directory:
        with self._place.open_folder(create=False) as folder:
            return folder.child(self._place.state)

    def _leave_in_spool(self, items: Sequence[Item]) -> None:
        from tokentrack import spooled

        with self._open_state() as state:
            for item in items:
                data = spooled.encode(item)
                spool.put(state, spooled.time_of(item), data, durable=self._durable)

    def _spools(self, held: HeldLedger) -> Iterator[Directory]:
        new = spool.open_new(held.state)
        if new is not None:
            with new:
                yield new
        rescued = rescue_folder(self._place, self._environ)
        if os.path.isdir(rescued):
            with Directory.open(rescued) as parent:
                new = spool.open_new(parent)
            if new is not None:
                with new:
                    yield new


class _Turn:
    # What one holder of the lock does with it.

    def __init__(self, held: HeldLedger, config: TrackerConfig) -> None:
        self._held = held
        self._state = ExecutionState(held.state)
        self._executions = Executions(self._state, config)
        self._durable = config.durability == "fsync"

    def take(
        self, spools: Iterator[Directory], items: Sequence[Item], *, repeated: bool = False
    ) -> int:
        """Record what the spools hold, as time allows, then the items; return how many waited."""
        try:
            deadline = now_us() + _DRAIN_US
            taken = 0
            for new in spools:
                taken += self._take_spool(new, deadline)
            finished = self._executions.expire(now_us())
            for item in items:
                finished += self._apply(item)
            self._write(finished, repeated=repeated)
            self._state.commit(durable=self._durable)
            return taken
        finally:
            self._state.close()

    def _apply(self, item: Item) -> list[Finished]:
        return self._executions.apply(item) if isinstance(item, Event) else [item]

    def _take_spool(self, new: Directory, deadline: int) -> int:
        names = new.names()
        taken = 0
        while names and now_us() < deadline:
            batch, names = self._read_batch(new, names)
            self._take_batch(new, batch)
            taken += len(batch)
        return taken

    def _read_batch(self, new: Directory, names: list[str]) -> tuple[dict[str, bytes], list[str]]:
        batch: dict[str, bytes] = {}
        size = 0
        for count, name in enumerate(names[:_BATCH_ITEMS], start=1):
            try:
                batch[name] = spool.read(new, name)
            except OSError:
                continue  # one that can't be read must not keep the others waiting
            size += len(batch[name])
            if size > BATCH_BYTES:
                return batch, names[count:]
        return batch, names[_BATCH_ITEMS:]

    def _take_batch(self, new: Directory, batch: dict[str, bytes]) -> None:
        from tokentrack import spooled

        finished: list[Finished] = []
        for data in batch.values():
            item = spooled.decode(data)
            if item is None:
                self._held.quarantine(data, "spooled event")
            else:
                finished += self._apply(item)
        self._write(finished, repeated=True)
        # The spool comes before the state: an execution that stays open although its row is
        # written is known by its id, while an event that stays in the spool would be a new one.
        for name in batch:
            new.remove(name)
        self._state.commit(durable=self._durable)

    def _write(self, finished: list[Finished], *, repeated: bool) -> None:
        if not finished:
            return
        tail = self._held.tail()
        rows: dict[str, tuple[bytes, bytes]] = {}
        for number, done in enumerate(finished):
            line = codec.encode_line(done.transaction.to_csv_row())
            identity = done.transaction.agent_execution_id
            if done.given:
                known = repeated and tail.has_line(line)
                identity += f"\n{number}"  # a caller may give as many records of an id as it likes
            else:
                known = tail.has_in_column(identity, _ID_COLUMN)
            if not known:
                rows.setdefault(identity, (line, codec.encode_line(done.usage)))
        if not rows:
            return
        # The usage first: a row of the ledger must never lack the mark of what its number is.
        usage = [pair[1] for pair in rows.values()]
        self._held.append_usage(USAGE_COLUMNS, usage, durable=self._durable)
        lines = [pair[0] for pair in rows.values()]
        self._held.append(COLUMNS, lines, durable=self._durable)
