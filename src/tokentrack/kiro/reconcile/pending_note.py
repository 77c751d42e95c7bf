"""The note that the recorder leaves of an execution whose real numbers are pending."""

from __future__ import annotations

from tokentrack.common import fastjson
from tokentrack.common.timestamps import now_us
from tokentrack.kiro.reconcile.matching import Window
from tokentrack.models.columns import STARTED, is_duration, is_time
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.pending import GIVE_UP_SECONDS, note_name

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.store.directory import Directory

_SECOND = 1_000_000
_DAY = 24 * 3600 * _SECOND
_FIRST_PAUSE, _LONGEST_PAUSE = 5, 6 * 3600
_MAX_NOTE = 256 * 1024
_MOST_VALUES = 100

_EXECUTION = USAGE_COLUMNS.index("agent_execution_id")
_RECORDED = USAGE_COLUMNS.index("recorded_at")
_SESSION = USAGE_COLUMNS.index("session_id")
_SURFACE = USAGE_COLUMNS.index("surface")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_OLD_SHAPE = {
    "at": is_time,
    "elapsed": (None, is_duration),
    "trigger": _is_text,
    "usage": [_is_text] * len(USAGE_COLUMNS),
}
_SHAPE = ({**_OLD_SHAPE, "folder": _is_text}, _OLD_SHAPE)


class PendingNote:
    """One execution whose real numbers are pending.

    Attributes:
        cells: its usage row.
        surface: Kiro's surface, as in the row.
        session: Kiro's session, "" if the hook had none.
        folder: the name of its workspace's folder, "" if it has no workspace.
        window: when it ran.
    """

    __slots__ = ("_due", "_rest", "cells", "folder", "session", "surface", "window")

    def __init__(self, folder: Directory, name: str) -> None:
        """Read the note of this name in a folder.

        Raises:
            OSError: it can't be read.
            ValueError: the recorder did not write it.
        """
        data = fastjson.load_checked(folder.read_whole(name, _MAX_NOTE), _SHAPE, _MOST_VALUES)
        due, _, self._rest = name.partition("-")
        self._due = int(due)
        self.cells: list[str] = data["usage"]
        self.surface = self.cells[_SURFACE]
        self.session = self.cells[_SESSION]
        self.session.encode("utf-8")  # raises for a lone surrogate, which no session id has
        self.folder: str = data.get("folder", "")
        elapsed, ended = data["elapsed"], data["at"]
        started: int | None = None if elapsed is None else ended - int(elapsed * _SECOND)
        is_aborted = data["trigger"] == STARTED
        if is_aborted:
            # No completion was seen, so `at` is the time of the start.
            from tokentrack.kiro.values import microseconds

            started, ended = ended, microseconds(self.cells[_RECORDED]) or ended
        if (started or 0) < 0 or ended > now_us() + _DAY:
            # Otherwise it would stay pending for ever. A clock that was set back may be wrong by
            # up to a day.
            raise ValueError("a time before 1970 or in the future")
        self.window = Window(self.cells[_EXECUTION], started, ended, is_aborted=is_aborted)

    @property
    def age(self) -> int:
        """How long ago the execution ended, in microseconds."""
        return max(0, now_us() - self.window.ended_at)

    @property
    def is_expired(self) -> bool:
        """Whether its numbers will not come any more."""
        return self.age > GIVE_UP_SECONDS * _SECOND

    def next_name(self, *, for_hooks: bool) -> str:
        """Return the note's name until the next search; the older the note, the later that is.

        Without `for_hooks`, no hook searches for its numbers any more; only commands do.
        """
        if for_hooks:
            pause = min(max(_FIRST_PAUSE, self.age // _SECOND // 2), _LONGEST_PAUSE)
            due = now_us() // _SECOND + pause
        else:
            due = self.window.ended_at // _SECOND + GIVE_UP_SECONDS
        # A note that was left to the commands is never given back to the hooks.
        return note_name(max(due, self._due), self._rest)
