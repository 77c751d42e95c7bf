"""Which of Kiro's turns is the execution that a hook recorded."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentrack.kiro.turn import Turn

EXACT, WINDOW = "exact", "window"

_SECOND = 1_000_000
# Kiro writes a turn's end after its stop hook has begun, by up to 15 seconds.
_LATE = 20 * _SECOND
# A hook without its start knows only when it ran: shortly after the turn's end.
_SOON = 5 * _SECOND


class Window:
    """An execution as a hook saw it.

    Attributes:
        execution_id: the ledger's id of it; Kiro's own where the payload had one.
        started_at: microseconds since the epoch, None without a start hook.
        ended_at: the same.
    """

    __slots__ = ("ended_at", "execution_id", "started_at")

    def __init__(self, execution_id: str, started_at: int | None, ended_at: int) -> None:
        """Keep all three."""
        self.execution_id = execution_id
        self.started_at = started_at
        self.ended_at = ended_at

    def overlap(self, turn: Turn) -> int | None:
        """Return for how long a turn ran within the window, None if it can't be the one.

        A session runs one turn at a time, so the one that overlaps most is the execution.
        """
        ended = _end_of(turn)
        if ended is None:
            return None
        if turn.started_at is None:
            started, latest = ended, self.ended_at + _LATE
        else:
            started, latest = turn.started_at, self.ended_at
        first = self.ended_at - _SOON if self.started_at is None else self.started_at
        if started > latest or ended < first:
            return None
        return min(ended, self.ended_at) - max(started, first)


def choose(
    window: Window, turns: Iterable[Turn], is_taken: Callable[[Turn], bool]
) -> tuple[Turn, str] | None:
    """Return the turn of an execution and how it was found, `exact` or `window`; None if none is.

    `is_taken` tells of a turn that it is another execution's.
    """
    best: tuple[int, int] | None = None
    found = None
    for turn in turns:
        if turn.execution_id and turn.execution_id == window.execution_id:
            return turn, EXACT
        overlap = window.overlap(turn)
        if overlap is None or is_taken(turn):
            continue
        rank = (overlap, -abs((_end_of(turn) or 0) - window.ended_at))
        if best is None or rank > best:
            best, found = rank, turn
    return None if found is None else (found, WINDOW)


def _end_of(turn: Turn) -> int | None:
    return turn.started_at if turn.ended_at is None else turn.ended_at
