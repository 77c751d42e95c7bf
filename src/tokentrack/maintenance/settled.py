"""What the recorder must know about its executions before a ledger's rows change their place.

It looks for the row of an execution from where the ledger ended when the execution began. A
rotation, a removal or a repair makes nothing of that offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.execution_records import execution_id_of
from tokentrack.execution_state import RUNNING, ExecutionState
from tokentrack.models.fields import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.store.ledger import HeldLedger, Tail

_ID_COLUMN = COLUMNS.index("agent_execution_id")


def close_recorded(held: HeldLedger) -> None:
    """Close the open executions whose row is written; a crash can leave such.

    Raises:
        OSError: the ledger can't be read, or its state not be written.
    """
    state = ExecutionState(held.state)
    try:
        running = state.all_running()
        tails = _tails(held, (started.ledger_size for _, started in running))
        for name, started in running:
            if _stands_in(tails, execution_id_of(started)):
                state.discard(name)
        state.commit(durable=True)
    finally:
        state.close()


def forget_offsets(held: HeldLedger) -> None:
    """Let the rows of open executions be looked for everywhere, and those of closed ones nowhere.

    Raises:
        OSError: the ledger can't be read, or its state not be written.
    """
    state = ExecutionState(held.state)
    try:
        for name, started in state.all_running():
            if started.ledger_size:
                started.ledger_size = 0
                state.open(name, started)
        closed = state.named_completions()
        tails = _tails(held, (done["since"] for _, done in closed))
        for key, done in closed:
            recorded = _stands_in(tails, done["execution_id"])
            state.remember_completion(key, {**done, "since": 0, "recorded": recorded})
        state.commit(durable=True)
    finally:
        state.close()
    # That an execution ended need not be on the disk yet. One that a power loss opens again is
    # known by its row, but not where that is going.
    with held.state.child(RUNNING) as running:
        running.sync()


def _tails(held: HeldLedger, sinces: Iterable[int]) -> list[Tail]:
    # Nobody knows exactly where: an offset can be of a ledger that was another file.
    known = list(sinces)
    return [held.tail(), held.tail(min(known))] if known else []


def _stands_in(tails: list[Tail], identity: str) -> bool:
    return any(tail.has_in_column(identity, _ID_COLUMN) for tail in tails)
