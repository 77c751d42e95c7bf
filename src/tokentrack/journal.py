"""What one drain of the spool is about to change, written down before it changes anything.

A drain appends rows, changes running executions and removes spool files. A crash in between is
repaired by doing all of it again: each step can be repeated. When it is through, the names of
the spool files stay here, so that one that comes back is not taken again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack import fastjson
from tokentrack.store.ledger import JOURNAL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.directory import Directory

_DONE = "drained.json"
_MAX_REMEMBERED = 2000
# Of a batch, its rows, what it opens and its names, with room to spare.
_MAX_BYTES = 128 * 1024 * 1024


class Journal:
    """The journal of one ledger, in its state folder and under its lock."""

    def __init__(self, state: Directory) -> None:
        """Use a state folder."""
        self._state = state

    def pending(self) -> dict[str, Any] | None:
        """Return the changes of a drain that did not end, None when all did.

        {} stands for a journal that can't be read: no drain will ever end it.
        """
        changes = self._read(JOURNAL_NAME)
        return {} if changes is None and self._state.has(JOURNAL_NAME) else changes

    def done(self) -> list[str]:
        """Return the names of the spool files that were taken last."""
        names = (self._read(_DONE) or {}).get("names")
        return names if isinstance(names, list) else []

    def begin(self, changes: Mapping[str, Any], *, durable: bool) -> None:
        """Write the changes down.

        Raises:
            OSError: they can't be written; then nothing may be changed.
        """
        self._write(JOURNAL_NAME, changes, durable=durable)

    def end(self, names: list[str], *, durable: bool) -> None:
        """Note that all is done, and with which spool files.

        Raises:
            OSError: it can't be noted; then all is done again, which changes nothing.
        """
        self._write(_DONE, {"names": names[-_MAX_REMEMBERED:]}, durable=False)
        self._state.remove(JOURNAL_NAME)
        if durable:
            self._state.sync()

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            size = self._state.status(name).st_size
            if size > _MAX_BYTES:
                return None
            value = fastjson.loads(self._state.read_tail(name, size).decode("ascii"))
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def _write(self, name: str, value: Mapping[str, Any], *, durable: bool) -> None:
        self._state.replace(name, fastjson.dumps(value).encode("ascii"), durable=durable)
