"""Open a SQLite database of Kiro's for reading a few of its tables, and leave nothing behind."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokentrack.kiro import kiro_files, read_pass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.read_pass import ReadPass

_BUSY_SECONDS = 1.0
_WAL_MARK = slice(18, 20)  # bytes of a database's header: 2 is write-ahead logging
_HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION}


class Database:
    """An open database in which only some tables can be read."""

    def __init__(self, connection: sqlite3.Connection, path: str, reading: ReadPass) -> None:
        """Keep a connection."""
        self._connection = connection
        self._path = path
        self._reading = reading

    def has(self, table: str) -> bool:
        """Tell whether a table exists."""
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return any(True for _ in self.rows(query, (table,)))

    def rows(self, query: str, values: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield a query's rows, texts as bytes; what SQLite says no to is noted, not raised."""
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.Error:
            self._reading.skip(read_pass.UNREADABLE, self._path)


@contextlib.contextmanager
def open_database(
    path: str, tables: tuple[str, ...], reading: ReadPass, busy_seconds: float = _BUSY_SECONDS
) -> Iterator[Database | None]:
    """Open a database for reading `tables` and nothing else; None, with a note, if it can't be.

    What another process has locked for longer than `busy_seconds` can't be read, either.
    """
    file = kiro_files.open_regular(path, reading)
    if file is None:
        yield None
        return
    with file:
        header = file.read(100)
    try:
        connection = sqlite3.connect(_uri(path, header), uri=True, timeout=busy_seconds)
    except sqlite3.Error:
        reading.skip(read_pass.UNREADABLE, path)
        yield None
        return
    connection.text_factory = bytes
    connection.set_authorizer(_authorizer(frozenset(tables)))
    try:
        yield Database(connection, path, reading)
    finally:
        connection.close()


def _uri(path: str, header: bytes) -> str:
    # A reader of a write-ahead database makes `-wal` and `-shm` beside it and leaves them there.
    # Without a `-wal` nobody has it open, and it can be read as it is. A Kiro that starts in this
    # moment and also writes back its log may make the read fail, which is noted.
    unused = b"\x02" in header[_WAL_MARK] and not Path(f"{path}-wal").exists()
    mode = "mode=ro&immutable=1" if unused else "mode=ro"
    return f"{Path(path).absolute().as_uri()}?{mode}"


def _authorizer(tables: frozenset[str]) -> Any:
    readable = tables | {"sqlite_master"}

    def decide(action: int, first: str | None, *_: str | None) -> int:
        allowed = action in _HARMLESS or (action == sqlite3.SQLITE_READ and first in readable)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    return decide
