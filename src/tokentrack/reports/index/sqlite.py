"""SQLite without the 2 ms that `sqlite3` takes to load `datetime`, for values that no index has.

The module below it is private to CPython, so `sqlite3` is used where that is missing. Both have
the same classes.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from sqlite3 import Connection, Error, OperationalError, connect
else:
    try:
        from _sqlite3 import Connection, Error, OperationalError, connect
    except ImportError:
        from sqlite3 import Connection, Error, OperationalError, connect

__all__ = ["Connection", "Error", "OperationalError", "connect"]
