"""Record events: under the ledger's lock if it is free in time, else by way of the spool.

An event is accepted once its row, its running execution or its spool file is written. Whoever
holds the lock next takes what waits in the spool, in the order of time, before its own event.
"""

from __future__ import annotations

import os

from tokentrack import fastjson
from tokentrack.events import Event
from tokentrack.execution_records import Finished
from tokentrack.execution_state import ExecutionState
from tokentrack.executions import Executions
from tokentrack.log import write_log
from tokentrack.models.fields import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec, spool
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import BATCH_BYTES, HeldLedger, hold
from tokentrack.store.losses import count_loss
from tokentrack.store.place import rescue_folder
from tokentrack.timestamps import now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.models.config import TrackerConfig
    from tokentrack.store.place import Place

_ID_COLUMN = COLUMNS.index("agent_execution_id")
_BATCH_EVENTS = 100
_DRAIN_US = 200_000


class Recorder:
    """Records events in one ledger."""

    def __init__(self, place: Place, config: TrackerConfig, environ: Mapping[str, str]) -> None:
        """Name the ledger and how to write it."""
        self._place = place
        self._config = config
        self._environ = environ
        self._durable = config.durability == "fsync"

    def record(self, event: Event, seconds: float) -> bool:
        """Record an event, waiting for the lock at most `seconds`.

        Returns whether it was accepted. One that was not is counted as lost.
        """
        try:
            held = self._hold(seconds)
            if held is not None:
                with held:
                    self._take(held, event)
                self.drain()
                return True
        except OSError as error:
            return self._rescue(event, error)
        return self._leave_in_spool(event)

    def drain(self) -> None:
        """Record what waits in the spool, unless another process holds the lock and will."""
        # A look at the spool after letting go of the lock: an event that was left there while
        # the lock was held must not wait for the next turn.
        while self._is_waiting():
            held = self._hold(0)
            if held is None:
                return
            with held:
                if not self._take(held, None):
                    return

    def _hold(self, seconds: float) -> HeldLedger | None:
        return hold(self._place, seconds, create=self._config.auto_create_directories)

    def _is_waiting(self) -> bool:
        try:
            with (
                self._place.open_folder(create=False) as folder,
                folder.child(self._place.state) as state,
            ):
                return bool(spool.waiting(state))
        except OSError:
            return False

    def _take(self, held: HeldLedger, event: Event | None) -> int:
        # Returns how many spooled events were taken.
        deadline = now_us() + _DRAIN_US
        state = ExecutionState(held.state)
        taken = 0
        try:
            executions = Executions(state, self._config)
            for parent in self._spools(held):
                with parent:
                    taken += self._take_spool(held, parent, state, executions, deadline)
            finished = executions.expire(now_us())
            if event is not None:
                finished += executions.apply(event)
            self._write(held, finished)
            state.commit(durable=self._durable)
        finally:
            state.close()
        return taken

    def _spools(self, held: HeldLedger) -> Iterator[Directory]:
        new = spool.open_new(held.state)
        if new is not None:
            yield new
        rescue = rescue_folder(self._place, self._environ)
        if os.path.isdir(rescue):
            with Directory.open(rescue) as parent:
                new = spool.open_new(parent)
            if new is not None:
                yield new

    def _take_spool(
        self,
        held: HeldLedger,
        new: Directory,
        state: ExecutionState,
        executions: Executions,
        deadline: int,
    ) -> int:
        names = new.names()
        taken = 0
        while taken < len(names) and now_us() < deadline:
            batch: list[str] = []
            finished: list[Finished] = []
            size = 0
            while taken + len(batch) < len(names) and len(batch) < _BATCH_EVENTS:
                name = names[taken + len(batch)]
                event = self._read_spooled(held, new, name)
                finished += executions.apply(event) if event is not None else []
                batch.append(name)
                size += len(event.prompt) if event is not None else 0
                if size > BATCH_BYTES // 4:
                    break
            self._write(held, finished)
            # The spool first: an execution that stays open although its row is written is
            # recognised by its id, an event that stays in the spool would be a new one.
            for name in batch:
                new.remove(name)
            state.commit(durable=self._durable)
            taken += len(batch)
        return taken

    def _read_spooled(self, held: HeldLedger, new: Directory, name: str) -> Event | None:
        data = spool.read(new, name)
        try:
            return Event.from_dict(fastjson.loads(data.decode("ascii")))
        except (ValueError, KeyError, TypeError, RecursionError):
            held.quarantine(data, "spooled event")
            return None

    def _write(self, held: HeldLedger, finished: list[Finished]) -> None:
        if not finished:
            return
        by_id = {f.transaction.agent_execution_id: f for f in finished}
        for known in held.recent_ids(by_id, _ID_COLUMN):
            del by_id[known]
        if not by_id:
            return
        rows = by_id.values()
        # The usage first: a row of the ledger must never lack the mark of what its number is.
        held.append_usage(
            USAGE_COLUMNS, [codec.encode_line(f.usage) for f in rows], durable=self._durable
        )
        held.append(
            COLUMNS,
            [codec.encode_line(f.transaction.to_csv_row()) for f in rows],
            durable=self._durable,
        )

    def _leave_in_spool(self, event: Event) -> bool:
        try:
            with (
                self._place.open_folder(create=False) as folder,
                folder.child(self._place.state, create=True) as state,
            ):
                self._put(state, event)
            self.drain()
        except OSError as error:
            return self._rescue(event, error)
        return True

    def _rescue(self, event: Event, cause: OSError) -> bool:
        # The ledger's folder can't take the event: first its own spool, which may lie on
        # another file system or need less room, then the user's.
        for open_parent in (self._open_state, self._open_rescue):
            try:
                with open_parent() as parent:
                    self._put(parent, event)
                    message = f"an event waits in the spool: {_describe(cause)}"
                    write_log(parent, self._config.log_level, "ERROR", [message])
            except OSError:
                continue
            return True
        count_loss(self._place, self._environ, event.at, cause)
        return False

    def _open_state(self) -> Directory:
        with self._place.open_folder(create=False) as folder:
            return folder.child(self._place.state, create=True)

    def _open_rescue(self) -> Directory:
        return Directory.open(rescue_folder(self._place, self._environ), create=True)

    def _put(self, parent: Directory, event: Event) -> None:
        data = fastjson.dumps(event.to_dict()).encode("ascii")
        spool.put(parent, event.at, data, durable=self._durable)


def _describe(error: OSError) -> str:
    return f"{type(error).__name__}, errno {error.errno}"
