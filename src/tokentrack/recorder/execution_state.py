"""The files of running and just completed executions, in the state folder, under the ledger's lock.

`running/` has the start of each open execution. `closed/` has the last completion of each session,
and that of each execution id that a caller gave, to recognise a completion that is reported again.
Changes are staged: the rows of a batch of events are written first, then its state.
"""

from __future__ import annotations

from tokentrack.common import fastjson
from tokentrack.recorder.events import Event
from tokentrack.store import spool
from tokentrack.store.directory import is_entry_name

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.store.directory import Directory

_MAX_FILE = 16 * 1024 * 1024
_SWEPT = "swept"
_SWEEP_SECONDS = 3600
RUNNING = "running"
NAMED = "id-"  # in `closed/`, an execution that its caller gave an id; others go by session
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-~")


class Completion:
    """What is remembered of a completion, so that it is recognised when it is reported again.

    Attributes:
        at: when it was reported, in microseconds since the epoch; None is unknown.
        done: when it was recorded, the same.
        fingerprint: its event's, "" where the caller gave an execution id.
        execution_id: that id, "" for any other completion.
        search_from: the offset in the ledger from which on the row of that id is; None is unknown.
        recorded: whether that row was seen before a rotation moved it to an archive.
    """

    __slots__ = ("at", "done", "execution_id", "fingerprint", "recorded", "search_from")

    def __init__(
        self,
        at: int | None,
        done: int | None,
        *,
        fingerprint: str = "",
        execution_id: str = "",
        search_from: int | None = None,
        recorded: bool = False,
    ) -> None:
        self.at = at
        self.done = done
        self.fingerprint = fingerprint
        self.execution_id = execution_id
        self.search_from = search_from
        self.recorded = recorded

    def to_dict(self) -> dict[str, Any]:
        """Return the completion as JSON data."""
        data: dict[str, Any] = {"at": self.at, "done": self.done}
        if not self.execution_id:
            return {**data, "fingerprint": self.fingerprint}
        data |= {"since": self.search_from, "execution_id": self.execution_id}
        return {**data, "recorded": True} if self.recorded else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """Return the completion of JSON data; a value of another type is unknown."""
        fingerprint, execution_id = data.get("fingerprint"), data.get("execution_id")
        return cls(
            _whole(data.get("at")),
            _whole(data.get("done")),
            fingerprint=fingerprint if isinstance(fingerprint, str) else "",
            execution_id=execution_id if isinstance(execution_id, str) else "",
            search_from=_whole(data.get("since")),
            recorded=data.get("recorded") is True,
        )


class ExecutionState:
    """The open and the just completed executions; a file that can't be read is ignored."""

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
        self._closed: dict[str, Completion] = {}  # staged

    def close(self) -> None:
        """Close the folders."""
        self._running_folder.close()
        self._closed_folder.close()

    def running(self, name: str) -> Event | None:
        """Return the start of an open execution by the name of its file."""
        if name in self._running:
            return self._running[name]
        return _event(self._running_folder, name) if name in self._names else None

    def all_running(self, prefix: str = "") -> list[tuple[str, Event]]:
        """Return the open executions whose file name starts with `prefix`, the oldest first."""
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

    def last_completion(self, key: str) -> Completion | None:
        """Return the last completion of a session, or that of an execution id; None without one."""
        if key in self._closed:
            return self._closed[key]
        data = _load(self._closed_folder, key)
        return Completion.from_dict(data) if data else None

    def remember_completion(self, key: str, completion: Completion) -> None:
        """Stage the last completion of a session, or that of an execution id."""
        self._closed[key] = completion

    def named_completions(self) -> list[tuple[str, Completion]]:
        """Return the completions with an execution id whose rows were not yet seen in a ledger."""
        found = []
        for key in self._closed_folder.names():
            done = self.last_completion(key) if key.startswith(NAMED) else None
            if done and done.execution_id and done.search_from is not None and not done.recorded:
                found.append((key, done))
        return found

    def staged(self) -> dict[str, Any]:
        """Return the staged changes as JSON data."""
        running = {n: event and event.to_dict() for n, event in self._running.items()}
        closed = {key: completion.to_dict() for key, completion in self._closed.items()}
        return {"running": running, "closed": closed}

    def stage(self, data: Mapping[str, Any]) -> None:
        """Stage again what `staged` returned.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: `staged` did not return this.
        """
        running = {n: e and Event.from_dict(e) for n, e in data["running"].items()}
        closed = {name: Completion.from_dict(done) for name, done in data["closed"].items()}
        if not all(is_entry_name(name) for name in (*running, *closed)):
            raise ValueError("a name that a file of this folder can't have")
        for name, event in running.items():
            if event is None:
                self.discard(name)
            else:
                self.open(name, event)
        self._closed.update(closed)

    def commit(self, *, durable: bool) -> None:
        """Write the staged changes.

        Raises:
            OSError: an execution could not be opened, or a folder could not be changed.
        """
        # Executions are opened first: if that fails, those that they replace must still exist.
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
            # If this is lost, a hook that is installed twice may count one turn twice.
            data = fastjson.dumps(completion.to_dict()).encode("ascii")
            self._closed_folder.replace(name, data, durable=False)
        self._running.clear()
        self._closed.clear()

    def opens(self) -> bool:
        """Tell whether an execution is staged to be opened."""
        return any(event is not None for event in self._running.values())

    def start_sweep(self, now_seconds: float) -> bool:
        """Return whether to look for old executions now, which is once an hour."""
        try:
            last = self._closed_folder.status(_SWEPT).st_mtime
        except OSError:
            last = 0.0
        if 0 <= now_seconds - last < _SWEEP_SECONDS:
            return False
        self._closed_folder.replace(_SWEPT, b"", durable=False)
        return True

    def sweep(self, now_seconds: float) -> None:
        """Remove completions that are too old to be reported again, and temporary files."""
        spool.remove_leftovers(self._state, now_seconds - _SWEEP_SECONDS)
        for folder in (self._closed_folder, self._running_folder):
            for name in folder.names():
                disposable = folder is self._closed_folder and name != _SWEPT
                if disposable or name.endswith(".tmp"):
                    folder.remove_old(name, now_seconds - _SWEEP_SECONDS)


def running_events(state: Directory) -> list[Event]:
    """Return the starts of the open executions without creating a folder.

    Raises:
        OSError: the folder does not exist or can't be opened.
    """
    with state.child(RUNNING) as folder:
        found = [_event(folder, name) for name in folder.names() if name.endswith(".json")]
    return [event for event in found if event is not None]


def file_key(text: str) -> str:
    """Return what stands for a text in a file name: the text where it is plain, else a digest."""
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


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
