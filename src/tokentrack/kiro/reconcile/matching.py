"""Which of Kiro's turns is the execution that a hook recorded."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentrack.kiro.turn import Turn

# How an execution and a turn were matched: by Kiro's own id; by time within one session, or within
# one workspace where the hook had no session; by time alone; or as a part of a turn that another
# execution has.
EXACT, WINDOW, TIME, PART = "exact", "window", "time", "part"

_SECOND = 1_000_000
# Kiro writes a turn's end after its stop hook has begun, by up to 15 seconds.
LATE = 20 * _SECOND
# Without a start hook only the stop hook's time is known, shortly after the turn's end.
_SOON = 5 * _SECOND
# A turn begins after its start hooks have run, and Kiro does not wait longer than this for them.
_BEGUN = 60 * _SECOND


class Window:
    """The time in which an execution ran, as its hooks saw it.

    Attributes:
        execution_id: its id in the ledger; Kiro's own where the payload had one.
        started_at: microseconds since the epoch, None without a start hook.
        ended_at: the same.
        is_aborted: no stop hook ran; then `ended_at` is only when that was noticed.
    """

    __slots__ = ("ended_at", "execution_id", "is_aborted", "started_at")

    def __init__(
        self, execution_id: str, started_at: int | None, ended_at: int, *, is_aborted: bool = False
    ) -> None:
        self.execution_id = execution_id
        self.started_at = started_at
        self.ended_at = ended_at
        self.is_aborted = is_aborted

    @property
    def start(self) -> int:
        """The start, or without a start hook a time shortly before the end."""
        return self.ended_at - _SOON if self.started_at is None else self.started_at

    def overlap(self, turn: Turn) -> int | None:
        """Return for how many microseconds a turn ran within the window; None if it can't match.

        A session runs one turn at a time, so the turn with the largest overlap is the execution.
        """
        ended = _end_of(turn)
        if ended is None:
            return None
        if turn.started_at is None:
            started, latest = ended, self.ended_at + LATE
        elif self.is_aborted:
            started, latest = turn.started_at, min(self.ended_at, self.start + _BEGUN)
        else:
            started, latest = turn.started_at, self.ended_at
        if started > latest or ended < self.start:
            return None
        return min(ended, self.ended_at) - max(started, self.start)

    def ends_with(self, turn: Turn) -> bool:
        """Tell whether a turn ended about when its stop hook would have run."""
        ended = _end_of(turn)
        return ended is not None and -_SOON <= ended - self.ended_at <= LATE

    def is_part_of(self, turn: Turn) -> bool:
        """Tell whether the whole window can be a part of a turn.

        Kiro also runs the stop hook when an agent pauses, and for a subagent. Then several
        executions are parts of one turn.
        """
        overlap = self.overlap(turn)
        if overlap is None or turn.started_at is None or turn.ended_at is None:
            return False
        covers_end = turn.ended_at >= self.ended_at - _SOON
        return covers_end and 2 * overlap >= self.ended_at - self.start


def match_turn(
    window: Window, turns: Iterable[Turn], is_taken: Callable[[Turn], bool]
) -> tuple[Turn, str] | None:
    """Return an execution's turn and how it was matched, `exact` or `window`; None if none is.

    Args:
        window: the execution.
        turns: turns of its session or workspace.
        is_taken: tells whether a turn belongs to another execution.
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


def match_by_time(
    window: Window, turns: Iterable[Turn], is_taken: Callable[[Turn], bool]
) -> tuple[Turn, str] | None:
    """Return the turn that matches an execution by time alone, and `time`; None if unsure.

    It must be the only turn that ran within the window, and have ended when the stop hook ran.

    Args:
        window: the execution.
        turns: turns whose workspace is unknown.
        is_taken: tells whether a turn belongs to another execution.
    """
    found = {
        turn.source_id: turn
        for turn in turns
        if window.overlap(turn) is not None and not is_taken(turn)
    }
    if len(found) != 1:
        return None
    (turn,) = found.values()
    return (turn, TIME) if window.is_aborted or window.ends_with(turn) else None


def _end_of(turn: Turn) -> int | None:
    return turn.started_at if turn.ended_at is None else turn.ended_at
