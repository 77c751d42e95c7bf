"""The journal of a drain: the changes of a batch, in the state folder.

They are written there first, and the next process that gets the lock finishes an interrupted batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.common import fastjson
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.event_fields import is_count
from tokentrack.recorder.execution_state import STAGED_SHAPE
from tokentrack.store import codec
from tokentrack.store.directory import NotRegularError, TooLargeError, is_entry_name
from tokentrack.store.ledger import JOURNAL_NAME, replace_in_state
from tokentrack.store.quarantine import set_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

DONE_NAME = "drained.json"
OWN, RESCUE = "own", "rescue"  # the ledger's spool and the user's
# A batch is cut so that its journal is smaller than this.
MAX_BYTES = 16 * 1024 * 1024

_MAX_REMEMBERED = 2000
_MAX_DONE_BYTES = 512 * 1024
_MAX_VALUES = 50_000
_MAX_LINES = 10_000
_LONGEST_NAME = 255


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and is_entry_name(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_SHAPE = {
    "appends": [[_is_file_name, is_count, _is_text]],
    "state": STAGED_SHAPE,
    "spool": [[(OWN, RESCUE).__contains__, _is_file_name]],
}
_DONE_SHAPE = {"names": [_is_file_name]}


class Journal:
    """The journal in the state folder of a locked ledger."""

    def __init__(self, state: Directory, paths: LedgerPaths) -> None:
        self._state = state
        self._columns: dict[str, Sequence[str]] = {
            paths.ledger: COLUMNS,
            paths.usage: USAGE_COLUMNS,
        }

    def pending(self) -> dict[str, Any] | None:
        """Return the changes of an interrupted batch, None without one.

        A journal that no drain writes goes to the quarantine.

        Raises:
            OSError: it can't be read now.
        """
        changes = self._read(JOURNAL_NAME, MAX_BYTES, _SHAPE)
        if changes is not None and not all(self._are_lines(*a) for a in changes["appends"]):
            self.give_up()
            return None
        return changes

    def give_up(self) -> None:
        """Move the journal to the quarantine: what it plans can't be done."""
        self._give_up(JOURNAL_NAME)

    def cancel(self) -> None:
        """Remove the journal of a batch that could not be recorded, if it was written.

        Raises:
            OSError: it can't be removed.
        """
        self._state.remove(JOURNAL_NAME)

    def done(self) -> list[str]:
        """Return the names of the spool files that were recorded last.

        Raises:
            OSError: they can't be read now.
        """
        found = self._read(DONE_NAME, _MAX_DONE_BYTES, _DONE_SHAPE)
        return [] if found is None else found["names"]

    def begin(self, changes: Mapping[str, Any], *, durable: bool) -> None:
        """Write the changes of a batch to the journal.

        Raises:
            OSError: they can't be written; then nothing may be changed.
        """
        self._write(JOURNAL_NAME, changes, durable=durable)
        if durable:
            self._state.sync()

    def end(self, names: list[str], *, durable: bool) -> None:
        """Note that a batch is recorded, and the names of its spool files.

        Raises:
            OSError: it can't be noted; then all is done again, which changes nothing.
        """
        self._write(DONE_NAME, {"names": names[-_MAX_REMEMBERED:]}, durable=False)
        self._state.remove(JOURNAL_NAME)
        if durable:
            self._state.sync()

    def _are_lines(self, name: str, _: int, text: str) -> bool:
        # Whether this is what a drain appends to one of the two files.
        columns = self._columns.get(name)
        if columns is None or not text.endswith("\n") or text.count("\n") > _MAX_LINES:
            return False
        try:
            text.encode("utf-8")
            lines = text.split("\n")[:-1]
            return all(len(codec.split_line(line)) == len(columns) for line in lines)
        except ValueError:
            return False

    def _read(self, name: str, limit: int, shape: Any) -> dict[str, Any] | None:
        try:
            data = self._state.read_whole(name, limit)
            found: dict[str, Any] = fastjson.load_checked(data, shape, _MAX_VALUES)
        except FileNotFoundError:
            return None
        except (NotRegularError, TooLargeError, PermissionError, ValueError):
            self._give_up(name)
            return None
        return found

    def _give_up(self, name: str) -> None:
        set_aside(self._state, self._state, name, f"{name.partition('.')[0]} journal")

    def _write(self, name: str, value: Mapping[str, Any], *, durable: bool) -> None:
        data = fastjson.dumps(value).encode("ascii")
        replace_in_state(self._state, self._state, name, data, durable=durable)
