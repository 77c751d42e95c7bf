"""Match events with running executions: a start opens one, a completion ends it."""

from __future__ import annotations

from tokentrack.common.timestamps import now_us
from tokentrack.recorder.completion import Completion
from tokentrack.recorder.event_fields import MAX_PATTERNS
from tokentrack.recorder.events import ACTIVITY, COMPLETION, START, Event
from tokentrack.recorder.execution_state import NAMED, ExecutionState, file_key
from tokentrack.recorder.rows import FinishedExecution, aborted, completed

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.config.tracker_config import TrackerConfig

_SECOND_US = 1_000_000
_HOUR_US = 3600 * _SECOND_US


class Executions:
    """The rules that turn a ledger's events into finished executions."""

    def __init__(self, state: ExecutionState, config: TrackerConfig, ledger_size: int) -> None:
        """Take the state of a locked ledger; the caller commits what is staged.

        Args:
            state: the open and the just completed executions.
            config: when a start is too old, and within which time completions are the same.
            ledger_size: the ledger's size now; the row of an execution that starts now comes after.
        """
        self._state = state
        self._ledger_size = ledger_size
        self._config = config
        self._window = int(config.duplicate_window_seconds * _SECOND_US)

    def apply(self, event: Event) -> list[FinishedExecution]:
        """Stage what an event changes, and return the executions that it ended."""
        mark = self._state.mark()
        try:
            return self._apply(event)
        except OSError:
            raise
        except Exception:
            # A file of an earlier execution can be what fails: the event counts without it.
            if not self._state.blame(mark):
                raise
            return self._apply(event)

    def _apply(self, event: Event) -> list[FinishedExecution]:
        if event.kind == START:
            return self._start(event)
        if event.kind == COMPLETION:
            return self._complete(event)
        if event.kind == ACTIVITY:
            self._add_files(event)
        return []

    def expire(self, name: str, now: int) -> list[FinishedExecution]:
        """Stage the end of an open execution that started too long ago, and return it."""
        hours = self._config.stale_execution_hours
        started = self._state.running(name)
        if started is None or started.at >= now - int(hours * _HOUR_US):
            return []
        return [self._abort(name, started, f"no completion within {hours:g} h")]

    def _start(self, event: Event) -> list[FinishedExecution]:
        name = _file_name(event)
        same = self._state.running(name)
        if same is None and self._is_recorded(event):
            return []
        if same is not None and (event.execution_id or self._is_repeated(same, event)):
            return []
        # An id that the caller gave tells the executions of one session apart.
        ended = [
            self._abort(other, started, "no completion before the session's next start")
            for other, started in self._of_session(event)
            if not (event.execution_id and started.execution_id)
        ]
        offset = self._named_offset(event)
        event.ledger_size = self._ledger_size if offset is None else offset
        self._state.open(name, event)
        return ended

    def _complete(self, event: Event) -> list[FinishedExecution]:
        name, started = self._started_by(event)
        if self._is_recorded(event):
            if started is not None and started.execution_id:
                self._state.discard(name)
            return []
        if started is not None and not started.execution_id and self._was_completed(event):
            name, started = "", None  # the start belongs to another execution
        if started is None:
            if self._is_repeated_completion(event):
                return []
            if not self._was_completed(event):
                name, started = self._started_elsewhere(event)
        if started is not None:
            self._state.discard(name)
        finished = completed(event, started, self._config)
        self._remember(event, finished)
        return [finished]

    def _remember(self, event: Event, finished: FinishedExecution) -> None:
        # An event from the spool was completed about when it came, not when it is drained.
        done = min(now_us(), event.at + self._window)
        if not event.execution_id:
            last = Completion(event.at, done, fingerprint=event.fingerprint)
            self._state.remember_completion(file_key(event.session_key), last)
            return
        # A second hook reports the same id: its row is searched for from this offset on.
        if finished.search_from is None:
            finished.search_from = self._named_offset(event)
        offset = self._ledger_size if finished.search_from is None else finished.search_from
        last = Completion(event.at, done, execution_id=event.execution_id, search_from=offset)
        self._state.remember_completion(_id_key(event), last)

    def _started_by(self, event: Event) -> tuple[str, Event | None]:
        name = _file_name(event)
        started = self._state.running(name)
        if started is not None:
            return name, started
        found = self._of_session(event)
        if event.execution_id:
            found = [(other, start) for other, start in found if not start.execution_id]
        return found[-1] if found else ("", None)

    def _started_elsewhere(self, event: Event) -> tuple[str, Event | None]:
        # Two hooks of one turn can run in different terminal sessions, which replace the missing
        # session id. The process of an IDE is the same for both.
        if event.session_id or event.surface == "ide-0":
            return "", None
        for name, started in self._state.all_running():
            if not started.session_id and started.surface == event.surface:
                return name, started
        return "", None

    def _add_files(self, event: Event) -> None:
        name, started = self._started_by(event)
        if started is None:
            return
        new = [pattern for pattern in event.patterns if pattern not in started.patterns]
        if new:
            started.patterns = [*started.patterns, *new][:MAX_PATTERNS]
            self._state.open(name, started)

    def _abort(self, name: str, started: Event, reason: str) -> FinishedExecution:
        self._state.discard(name)
        return aborted(started, reason, self._config)

    def _is_repeated(self, started: Event, event: Event) -> bool:
        same = started.fingerprint == event.fingerprint
        return same and abs(event.at - started.at) <= self._window

    def _is_repeated_completion(self, event: Event) -> bool:
        # No payload of Kiro has an execution id: an equal completion of the same session within
        # the window comes from the same hook, installed twice.
        if event.execution_id or not self._window:
            return False
        last = self._state.last_completion(file_key(event.session_key))
        if last is None or last.fingerprint != event.fingerprint:
            return False
        if last.at is None or last.done is None:
            return False
        # Events from the spool come late and in any order: this one may be older than the last.
        return last.at - self._window <= event.at <= last.done + self._window

    def _is_recorded(self, event: Event) -> bool:
        # Its row was seen before a rotation moved it to an archive.
        completion = self._named_completion(event)
        return completion is not None and completion.recorded

    def _was_completed(self, event: Event) -> bool:
        return self._named_completion(event) is not None

    def _named_offset(self, event: Event) -> int | None:
        completion = self._named_completion(event)
        return None if completion is None else completion.search_from

    def _named_completion(self, event: Event) -> Completion | None:
        return self._state.last_completion(_id_key(event)) if event.execution_id else None

    def _of_session(self, event: Event) -> list[tuple[str, Event]]:
        return self._state.all_running(file_key(event.session_key) + ".")


def _id_key(event: Event) -> str:
    return NAMED + file_key(event.execution_id)


def _file_name(event: Event) -> str:
    execution = file_key(event.execution_id) if event.execution_id else ""
    return f"{file_key(event.session_key)}.{execution}.json"
