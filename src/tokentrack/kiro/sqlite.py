"""Open one of Kiro's SQLite databases to read a few of its tables, and leave no files behind."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from tokentrack.kiro import kiro_files, read_pass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.read_pass import ReadPass

_BUSY_SECONDS = 1.0
_WAL_MARK = slice(18, 20)  # bytes of a database's header: 2 is write-ahead logging
_ESCAPES = str.maketrans(
    {"%": "%25", "?": "%3f", "#": "%23", "\\": "/" if os.name == "nt" else "\\"}
)
_HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION}


class Database:
    """An open database in which only some tables can be read."""

    def __init__(self, connection: sqlite3.Connection, path: str, reading: ReadPass) -> None:
        self._connection = connection
        self._path = path
        self._reading = reading

    def has(self, table: str) -> bool:
        """Tell whether a table exists."""
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return any(True for _ in self.rows(query, (table,)))

    def rows(self, query: str, values: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield a query's rows, with texts as bytes; an error of SQLite is noted, not raised."""
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.Error:
            self._reading.skip(read_pass.UNREADABLE, self._path)


@contextlib.contextmanager
def open_database(
    path: str, tables: tuple[str, ...], reading: ReadPass, busy_seconds: float = _BUSY_SECONDS
) -> Iterator[Database | None]:
    """Open a database to read `tables` and nothing else; None, with a note, if it can't be opened.

    A query fails if another process keeps the database locked for longer than `busy_seconds`.
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
    # A reader of a database with write-ahead logging makes `-wal` and `-shm` next to it and leaves
    # them there. Where there is no `-wal`, no process has the database open, so it can be read as
    # immutable. If Kiro starts at this moment and writes its log back, the query may fail, which
    # is noted.
    is_unused = b"\x02" in header[_WAL_MARK] and not os.path.exists(f"{path}-wal")
    mode = "mode=ro&immutable=1" if is_unused else "mode=ro"
    # As `Path.as_uri` does; to load `pathlib` would take longer than to read the account.
    name = os.path.abspath(path).translate(_ESCAPES)
    return f"file://{'' if name.startswith('/') else '/'}{name}?{mode}"


def _authorizer(tables: frozenset[str]) -> Any:
    readable = tables | {"sqlite_master"}

    def decide(action: int, first: str | None, *_: str | None) -> int:
        allowed = action in _HARMLESS or (action == sqlite3.SQLITE_READ and first in readable)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    return decide
