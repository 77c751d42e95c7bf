"""The files of running and just closed executions, beside the ledger and under its lock.

`running/` has a file for each open execution, `closed/` the last completion of each session.
Changes are staged, so that a batch of events is written after its rows.
"""

from __future__ import annotations

from tokentrack.common import fastjson
from tokentrack.models.usage_record import UNKNOWN, USAGE_COLUMNS
from tokentrack.recorder.events import Event
from tokentrack.store import spool
from tokentrack.store.directory import is_entry_name
from tokentrack.store.pending import GIVE_UP_SECONDS, put_note

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.directory import Directory

_MAX_FILE = 16 * 1024 * 1024
_SWEPT = "swept"
_SWEEP_SECONDS = 3600
RUNNING = "running"
NAMED = "id-"  # in `closed/`, an execution that its caller gave an id; others go by session
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-~")


class ExecutionState:
    """What is open and what was just closed; a file that can't be read counts as absent."""

    def __init__(self, state: Directory) -> None:
        """Open the two folders.

        Raises:
            OSError: they can't be opened or made.
        """
        self._state = state
        self._running_folder = state.child(RUNNING, create=True)
        self._closed_folder = self._running_folder
        try:
            self._closed_folder = state.child("closed", create=True)
            self._names = {name for name in self._running_folder.names() if name.endswith(".json")}
        except OSError:
            self.close()
            raise
        self._running: dict[str, Event | None] = {}  # staged: None is to be removed
        self._closed: dict[str, dict[str, Any]] = {}  # staged

    def close(self) -> None:
        """Close the folders."""
        self._running_folder.close()
        self._closed_folder.close()

    def running(self, name: str) -> Event | None:
        """Return the start of an open execution by its file's name."""
        if name in self._running:
            return self._running[name]
        return _event(self._running_folder, name) if name in self._names else None

    def all_running(self, prefix: str = "") -> list[tuple[str, Event]]:
        """Return the open executions whose file's name starts with `prefix`, the oldest first."""
        names = [name for name in self._names if name.startswith(prefix)]
        found = [(name, event) for name in names if (event := self.running(name)) is not None]
        return sorted(found, key=lambda item: item[1].at)

    def open(self, name: str, event: Event) -> None:
        """Stage an open execution."""
        self._running[name] = event
        self._names.add(name)

    def discard(self, name: str) -> None:
        """Stage the removal of an open execution."""
        self._running[name] = None
        self._names.discard(name)

    def last_completion(self, session: str) -> dict[str, Any]:
        """Return what is remembered of a session's last completion, {} when nothing is."""
        return self._closed.get(session) or _load(self._closed_folder, session) or {}

    def remember_completion(self, session: str, completion: dict[str, Any]) -> None:
        """Stage a session's last completion."""
        self._closed[session] = completion

    def named_completions(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the last completions that had an execution id, but those known to be recorded."""
        found = []
        for key in self._closed_folder.names():
            done = self.last_completion(key) if key.startswith(NAMED) else {}
            known = isinstance(done.get("execution_id"), str) and isinstance(done.get("since"), int)
            if known and not done.get("recorded"):
                found.append((key, done))
        return found

    def staged(self) -> dict[str, Any]:
        """Return what was staged as JSON data."""
        running = {n: event and event.to_dict() for n, event in self._running.items()}
        return {"running": running, "closed": dict(self._closed)}

    def stage(self, data: Mapping[str, Any]) -> None:
        """Stage again what `staged` returned.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is nothing that `staged` returned.
        """
        running = {n: e and Event.from_dict(e) for n, e in data["running"].items()}
        closed = {name: dict(completion) for name, completion in data["closed"].items()}
        if not all(is_entry_name(name) for name in (*running, *closed)):
            raise ValueError("a name that is no file's in this folder")
        for name, event in running.items():
            if event is None:
                self.discard(name)
            else:
                self.open(name, event)
        self._closed.update(closed)

    def commit(self, *, durable: bool) -> None:
        """Write what was staged.

        Raises:
            OSError: an execution could not be opened, or a folder not be changed.
        """
        # What opens comes first: where that fails, what it replaces must still be there.
        for name, event in self._running.items():
            if event is not None:
                data = fastjson.dumps(event.to_dict()).encode("ascii")
                self._running_folder.replace(name, data, durable=durable, sync_folder=False)
        if durable and self.opens():
            self._running_folder.sync()
        for name, event in self._running.items():
            if event is None:
                self._running_folder.remove(name)
        for name, completion in self._closed.items():
            # Losing this can at worst let a hook that is installed twice count twice.
            data = fastjson.dumps(completion).encode("ascii")
            self._closed_folder.replace(name, data, durable=False)
        self._running.clear()
        self._closed.clear()

    def opens(self) -> bool:
        """Tell whether an execution is staged to be opened."""
        return any(event is not None for event in self._running.values())

    def is_sweep_due(self, now_seconds: float) -> bool:
        """Tell, at most once an hour, that old executions should be looked for."""
        try:
            last = self._closed_folder.status(_SWEPT).st_mtime
        except OSError:
            last = 0.0
        if 0 <= now_seconds - last < _SWEEP_SECONDS:
            return False
        self._closed_folder.replace(_SWEPT, b"", durable=False)
        return True

    def sweep(self, now_seconds: float) -> None:
        """Remove the completions that are too old to be repeated, and what a kill left behind."""
        spool.remove_leftovers(self._state, now_seconds - _SWEEP_SECONDS)
        for folder in (self._closed_folder, self._running_folder):
            for name in folder.names():
                disposable = folder is self._closed_folder and name != _SWEPT
                if disposable or name.endswith(".tmp"):
                    folder.remove_old(name, now_seconds - _SWEEP_SECONDS)


def running_events(state: Directory) -> list[Event]:
    """Return the starts of the open executions, and make no folder.

    Raises:
        OSError: there is no folder of them, or it can't be opened.
    """
    with state.child(RUNNING) as folder:
        found = [_event(folder, name) for name in folder.names() if name.endswith(".json")]
    return [event for event in found if event is not None]


def file_key(text: str) -> str:
    """Return a text as a part of a file's name: itself where it is plain, else a digest."""
    if len(text) <= 100 and _PLAIN.issuperset(text):
        return f"s-{text}"
    from hashlib import sha256

    return f"h-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _event(folder: Directory, name: str) -> Event | None:
    data = _load(folder, name)
    try:
        return Event.from_dict(data) if data is not None else None
    except (KeyError, TypeError, ValueError):
        return None


def _load(folder: Directory, name: str) -> dict[str, Any] | None:
    try:
        value = fastjson.loads(folder.read(name, _MAX_FILE).decode("ascii"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# Where Kiro may keep a turn's numbers: found by the session only, or by the workspace as well.
_BY_SESSION = frozenset({"v1", "crew"})
_BY_WORKSPACE = frozenset({"cli-2", "ide-0"})


def expect_numbers(state: Directory, finished: Iterable[FinishedExecution]) -> None:
    """Note the executions whose numbers Kiro has not written yet.

    A note that is lost costs a look-up, not a row, so errors are ignored.
    """
    for done in finished:
        usage = dict(zip(USAGE_COLUMNS, done.usage, strict=True))
        surface, session = usage["surface"], usage["session_id"]
        has_place = surface in _BY_WORKSPACE or (session and surface in _BY_SESSION)
        if usage["credits_basis"] != UNKNOWN or not has_place:
            continue
        record = done.transaction
        note = {
            "at": record.timestamp_us,
            "elapsed": record.elapsed_time,
            "folder": record.workspace_folder,
            "trigger": record.hook_trigger_type,
            "usage": done.usage,
        }
        due = 0
        if surface == "cli-2" and not session:
            # Only the CLI's database has it, which takes longer than a hook may.
            due = record.timestamp_us // 1_000_000 + GIVE_UP_SECONDS
        rest = f"{surface}.{file_key(usage['agent_execution_id'])}.json"
        try:
            put_note(state, due, rest, fastjson.dumps(note).encode("ascii"))
        except OSError:
            pass
