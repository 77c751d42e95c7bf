"""A set of texts of any size in constant memory."""

from __future__ import annotations

import sqlite3


class Seen:
    """A set in a private temporary database, which SQLite moves to the disk when it grows."""

    def __init__(self) -> None:
        """Begin an empty set."""
        # No name: SQLite makes the file itself, unlinked from the start.
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2048"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, key: str) -> bool:
        """Add a text and tell whether it is new."""
        # A lone surrogate is no valid TEXT for SQLite.
        cursor = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?)", (key.encode("utf-8", "surrogatepass"),)
        )
        return cursor.rowcount == 1

    def close(self) -> None:
        """Forget all; closing twice is fine."""
        self._database.close()
