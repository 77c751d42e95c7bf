"""The hourly sweep of a state folder, a few files at each event, after the event is stored.

Executions that started too long ago end as errors. Removed are completions that are too old to be
reported again, notes whose numbers will not come any more, and temporary files of killed processes.
"""

from __future__ import annotations

import time

from tokentrack.recorder.execution_state import CLOSED, RUNNING, SWEPT
from tokentrack.store.ledger import replace_in_state
from tokentrack.store.pending import GIVE_UP_SECONDS, PENDING

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.recorder.execution_state import ExecutionState
    from tokentrack.recorder.executions import Executions
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.directory import Directory

_MOST_FILES = 100
_SECONDS = 0.005
# A folder with more files is not looked at to its end: skipping files takes time too.
_MOST_SKIPPED = 20_000
_MAX_NOTE = 64
_HOUR = 3600
_DAY = 24 * _HOUR
_STATE, _TMP = "", "tmp"
# In this order: the folder, what its disposable files end with, and how old they must be.
_FOLDERS = (
    (RUNNING, ".tmp", _HOUR),
    (CLOSED, "", _HOUR),
    (PENDING, "", GIVE_UP_SECONDS + _DAY),
    (_TMP, "", _HOUR),
    (_STATE, ".tmp", _HOUR),
)


class Sweep:
    """One step of a sweep, under the ledger's lock."""

    def __init__(self, state: Directory, executions: Executions, now: int) -> None:
        """Take the state folder, its executions, and the time in microseconds since the epoch."""
        self._state = state
        self._executions = executions
        self._now = now
        self._left = _MOST_FILES
        self._deadline = time.monotonic() + _SECONDS
        self.is_first = False  # whether this step begins a sweep

    def run(self, execution_state: ExecutionState) -> list[FinishedExecution]:
        """Look at some files, and return the executions that ended; the caller commits them."""
        closed = execution_state.closed_folder
        number, skipped = self._read_position(closed)
        self.is_first = (number, skipped) == (0, 0)
        ended: list[FinishedExecution] = []
        while number < len(_FOLDERS):
            kept = self._look(_FOLDERS[number], skipped, ended)
            if kept is not None:
                self._write(closed, f"{number} {kept}")
                return ended
            number, skipped = number + 1, 0
        self._write(closed, "")
        return ended

    def _look(
        self, kind: tuple[str, str, int], skipped: int, ended: list[FinishedExecution]
    ) -> int | None:
        # Returns how many files are to be skipped in the next step, None at the folder's end.
        name, end, seconds = kind
        try:
            folder = _open(self._state, name)
        except OSError:
            return None
        before = self._now / 1_000_000 - seconds
        kept = 0
        try:
            for entry in folder.scan():
                if kept < skipped:
                    kept += 1
                    continue
                if self._left <= 0 or time.monotonic() >= self._deadline:
                    return kept if kept <= _MOST_SKIPPED else None
                self._left -= 1
                expired = []
                if name == RUNNING and entry.endswith(".json"):
                    expired = self._executions.expire(entry, self._now)
                    ended += expired
                is_disposable = entry.endswith(end) and entry != SWEPT
                is_gone = expired or (is_disposable and _remove_old(folder, entry, before))
                kept += not is_gone
        finally:
            if folder is not self._state:
                folder.close()
        return None

    def _read_position(self, closed: Directory) -> tuple[int, int]:
        try:
            words = closed.read(SWEPT, _MAX_NOTE).split()
            number, skipped = [int(word) for word in words if word.isdigit()]
        except (OSError, ValueError):
            return 0, 0
        return number, skipped

    def _write(self, closed: Directory, text: str) -> None:
        replace_in_state(self._state, closed, SWEPT, text.encode(), durable=False)


def _open(state: Directory, name: str) -> Directory:
    if name == _TMP:
        with state.child("spool") as spool:
            return spool.child(name)
    return state.child(name) if name else state


def _remove_old(folder: Directory, name: str, before: float) -> bool:
    try:
        return folder.remove_old(name, before)
    except OSError:
        return False  # a folder of this name
