"""The files of running and just completed executions, in the state folder, under the ledger's lock.

`running/` has the start of each open execution. `closed/` has the last completion of each session,
and that of each execution id that a caller gave, to recognise a completion that is reported again.
Changes are staged: the rows of a batch of events are written first, then its state.
"""

from __future__ import annotations

from tokentrack.common import fastjson
from tokentrack.recorder.completion import COMPLETION_SHAPE, Completion
from tokentrack.recorder.events import EVENT_SHAPE, Event
from tokentrack.store.directory import NotRegularError, TooLargeError
from tokentrack.store.ledger import replace_in_state

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.store.directory import Directory

_MAX_FILE = 16 * 1024 * 1024
# The files of other executions that are read for one event, in bytes of JSON.
_MAX_READ = 16 * 1024 * 1024
_MOST_VALUES = 2000
_MOST_NAMES = 2000
_MOST_SHOWN = 100_000
RUNNING, CLOSED = "running", "closed"
# In `closed/`. An empty file was written when a sweep ended; another says where it goes on.
SWEPT = "swept"
_SWEEP_SECONDS = 3600
NAMED = "id-"  # in `closed/`, an execution that its caller gave an id; others go by session
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-~")
_LONGEST_NAME = 250


def _is_state_name(name: str) -> bool:
    return 0 < len(name.strip(".")) <= _LONGEST_NAME and _PLAIN.issuperset(name.replace(".", ""))


# What `ExecutionState.staged` returns.
STAGED_SHAPE = {
    "running": {_is_state_name: (None, EVENT_SHAPE)},
    "closed": {_is_state_name: COMPLETION_SHAPE},
}


class ExecutionState:
    """The open and the just completed executions.

    A file that this program did not write goes to the quarantine; one that can't be read is
    ignored.
    """

    def __init__(self, state: Directory, *, in_hook: bool = True) -> None:
        """Open the two folders of a locked ledger's state.

        Args:
            state: the state folder.
            in_hook: whether to look at a bounded part of the open executions. A command that moves
                rows must know them all.

        Raises:
            OSError: they can't be opened or made.
        """
        self._state = state
        self._most_names = _MOST_NAMES if in_hook else _MOST_SHOWN
        self._most_read = _MAX_READ if in_hook else _MOST_SHOWN * _MAX_FILE
        self._left = self._most_read
        self.running_folder = _open(state, RUNNING)
        try:
            self.closed_folder = _open(state, CLOSED)
        except OSError:
            self.running_folder.close()
            raise
        self._found: set[str] | None = None  # the names of open executions, once they are needed
        self._read: list[tuple[Directory, str]] = []  # the files that were read since `mark`
        self._loaded: dict[str, Event | None] = {}  # the open executions that were read since then
        self._running: dict[str, Event | None] = {}  # staged: None is to be removed
        self._closed: dict[str, Completion] = {}  # staged

    def close(self) -> None:
        """Close the folders."""
        self.running_folder.close()
        self.closed_folder.close()

    def running(self, name: str) -> Event | None:
        """Return the start of an open execution by the name of its file."""
        if name in self._running:
            return self._running[name]
        if name not in self._loaded:
            data = self._load(self.running_folder, name, EVENT_SHAPE)
            self._loaded[name] = None if data is None else Event.from_dict(data)
        return self._loaded[name]

    def all_running(self, prefix: str = "") -> list[tuple[str, Event]]:
        """Return the open executions whose file name starts with `prefix`, the oldest first."""
        found: list[tuple[str, Event]] = []
        for name in self._names():
            if name.startswith(prefix) and self._left > 0:
                event = self.running(name)
                if event is not None:
                    found.append((name, event))
        return sorted(found, key=lambda item: item[1].at)

    def _names(self) -> set[str]:
        if self._found is None:
            self._found = set()
            for name in self.running_folder.scan():
                if len(self._found) >= self._most_names:
                    break
                if name.endswith(".json"):
                    self._found.add(name)
        return (self._found | self._running.keys()) - {n for n, e in self._running.items() if not e}

    def open(self, name: str, event: Event) -> None:
        """Stage an open execution."""
        self._running[name] = event

    def discard(self, name: str) -> None:
        """Stage the removal of an open execution."""
        self._running[name] = None

    def last_completion(self, key: str) -> Completion | None:
        """Return the last completion of a session, or that of an execution id; None without one."""
        if key in self._closed:
            return self._closed[key]
        data = self._load(self.closed_folder, key, COMPLETION_SHAPE)
        return None if data is None else Completion.from_dict(data)

    def remember_completion(self, key: str, completion: Completion) -> None:
        """Stage the last completion of a session, or that of an execution id."""
        self._closed[key] = completion

    def named_completions(self) -> list[tuple[str, Completion]]:
        """Return the completions with an execution id whose rows were not yet seen in a ledger."""
        found = []
        for key in self.closed_folder.scan():
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
        """Stage again what `staged` returned, which has the shape `STAGED_SHAPE`."""
        for name, event in data["running"].items():
            if event is None:
                self.discard(name)
            else:
                self.open(name, Event.from_dict(event))
        self._closed.update({n: Completion.from_dict(done) for n, done in data["closed"].items()})

    def mark(self) -> tuple[dict[str, Event | None], dict[str, Completion]]:
        """Return what is staged now, for `blame`."""
        self._read.clear()
        self._loaded.clear()
        self._left = self._most_read
        return dict(self._running), dict(self._closed)

    def blame(self, mark: tuple[dict[str, Event | None], dict[str, Completion]]) -> bool:
        """Move the files that were read since a mark to the quarantine, and go back to the mark.

        Returns whether there were any.
        """
        from tokentrack.store.quarantine import set_aside

        self._running, self._closed = mark
        self._loaded.clear()
        moved = [set_aside(self._state, *file, "state file that fails") for file in self._read]
        return any(moved)

    def forget(self) -> None:
        """Take back what is staged."""
        self._running.clear()
        self._closed.clear()
        self._loaded.clear()

    def commit(self, *, durable: bool) -> None:
        """Write the staged changes.

        Raises:
            OSError: an execution could not be opened, or a folder could not be changed.
        """
        # Executions are opened first: if that fails, those that they replace must still exist.
        for name, event in self._running.items():
            if event is not None:
                self._replace(self.running_folder, name, event.to_dict(), durable=durable)
        if durable and self.opens():
            self.running_folder.sync()
        for name, event in self._running.items():
            if event is None:
                self._remove(name)
        for name, completion in self._closed.items():
            # If this is lost, a hook that is installed twice may count one turn twice.
            self._replace(self.closed_folder, name, completion.to_dict(), durable=False)
        if self._found is not None:
            self._found = self._names()
        self.forget()

    def opens(self) -> bool:
        """Tell whether an execution is staged to be opened."""
        return any(event is not None for event in self._running.values())

    def must_sweep(self, now_seconds: float) -> bool:
        """Tell whether an hourly sweep has to begin or to go on; see `recorder.sweep`."""
        try:
            status = self.closed_folder.status(SWEPT)
        except OSError:
            return True
        return status.st_size > 0 or not 0 <= now_seconds - status.st_mtime < _SWEEP_SECONDS

    def _replace(
        self, folder: Directory, name: str, value: dict[str, Any], *, durable: bool
    ) -> None:
        data = fastjson.dumps(value).encode("ascii")
        replace_in_state(self._state, folder, name, data, durable=durable)

    def _remove(self, name: str) -> None:
        try:
            self.running_folder.remove(name)
        except OSError:
            from tokentrack.store.quarantine import clear_way

            if not clear_way(self._state, self.running_folder, name):
                raise

    def _load(self, folder: Directory, name: str, shape: Any) -> dict[str, Any] | None:
        try:
            data = folder.read_whole(name, _MAX_FILE)
            self._left -= len(data)
            value: dict[str, Any] = fastjson.load_checked(data, shape, _MOST_VALUES)
        except (NotRegularError, TooLargeError, ValueError):
            from tokentrack.store.quarantine import set_aside

            set_aside(self._state, folder, name, "damaged state file")
            return None
        except OSError:
            return None
        self._read.append((folder, name))
        return value


def running_events(state: Directory) -> list[Event]:
    """Return the starts of the open executions without changing anything.

    Raises:
        OSError: the folder does not exist or can't be opened.
    """
    found: list[Event] = []
    with state.child(RUNNING) as folder:
        for name in folder.scan():
            if len(found) >= _MOST_SHOWN:
                break
            try:
                data = folder.read_whole(name, _MAX_FILE)
                event = fastjson.load_checked(data, EVENT_SHAPE, _MOST_VALUES)
            except (OSError, ValueError):
                continue
            found.append(Event.from_dict(event))
    return found


def file_key(text: str) -> str:
    """Return what stands for a text in a file name: the text where it is plain, else a digest."""
    if len(text) <= 100 and _PLAIN.issuperset(text):
        return f"s-{text}"
    from hashlib import sha256

    return f"h-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _open(state: Directory, name: str) -> Directory:
    try:
        return state.child(name, create=True)
    except OSError:
        from tokentrack.store.quarantine import open_own_folder

        return open_own_folder(state, name)
