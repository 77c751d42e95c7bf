"""What one holder of a ledger's lock does with it."""

from __future__ import annotations

from tokentrack.events import Event
from tokentrack.execution_state import ExecutionState
from tokentrack.executions import Executions
from tokentrack.models.fields import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.pending_notes import expect_numbers
from tokentrack.rows import new_lines
from tokentrack.timestamps import now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.execution_records import Finished
    from tokentrack.models.config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import HeldLedger

    Item = Event | Finished

_DRAIN_SECONDS = 0.2


class Turn:
    """One holder's turn; close it."""

    def __init__(self, held: HeldLedger, config: TrackerConfig) -> None:
        """Open the executions of a held ledger.

        Raises:
            OSError: they can't be opened.
        """
        self._held = held
        self._durable = config.durability == "fsync"
        ledger_size = held.settled_size()
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
        from tokentrack.draining import Drain

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
