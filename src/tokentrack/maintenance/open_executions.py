"""Prepare the executions in a ledger's state for work that moves or removes rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.models.columns import COLUMNS
from tokentrack.recorder.execution_state import RUNNING, ExecutionState
from tokentrack.recorder.rows import execution_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.store.ledger import LockedLedger, Tail

_ID_COLUMN = COLUMNS.index("agent_execution_id")


def close_recorded(ledger: LockedLedger) -> None:
    """Close the open executions whose row is written, as a crash can leave them.

    Raises:
        OSError: the ledger can't be read, or its state not be written.
    """
    state = ExecutionState(ledger.state, in_hook=False)
    try:
        running = state.all_running()
        tails = _tails(ledger, (started.ledger_size for _, started in running))
        for name, started in running:
            if _is_recorded(tails, execution_id_of(started)):
                state.discard(name)
        state.commit(durable=True)
    finally:
        state.close()


def forget_offsets(ledger: LockedLedger) -> None:
    """Have rows of open executions searched for in the whole ledger, of closed ones nowhere.

    Raises:
        OSError: the ledger can't be read, or its state not be written.
    """
    state = ExecutionState(ledger.state, in_hook=False)
    try:
        for name, started in state.all_running():
            if started.ledger_size:
                started.ledger_size = 0
                state.open(name, started)
        closed = state.named_completions()
        tails = _tails(ledger, (done.search_from or 0 for _, done in closed))
        for key, done in closed:
            done.search_from, done.recorded = 0, _is_recorded(tails, done.execution_id)
            state.remember_completion(key, done)
        state.commit(durable=True)
    finally:
        state.close()
    # The end of an execution need not be on the disk yet. After a power loss only its row would
    # show that it ended, and that row is about to move to another file.
    with ledger.state.child(RUNNING) as running:
        running.sync()


def _tails(ledger: LockedLedger, offsets: Iterable[int]) -> list[Tail]:
    # The end too: an offset may belong to a ledger that was another file.
    known = list(offsets)
    return [ledger.tail(), ledger.tail(min(known))] if known else []


def _is_recorded(tails: list[Tail], identity: str) -> bool:
    return any(tail.has_in_column(identity, _ID_COLUMN) for tail in tails)
