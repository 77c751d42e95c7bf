"""A few conversations of the CLI's database: those of one session, or of some folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.kiro.cli_database import TABLES, conversation, text_of
from tokentrack.kiro.sqlite import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokentrack.kiro.scan import Scan
    from tokentrack.kiro.sqlite import Database
    from tokentrack.kiro.turn import Turn

_NEWER, _OLDER = TABLES
_OF_SESSION = "SELECT rowid FROM conversations_v2 WHERE conversation_id = ? LIMIT 8"
_FOLDERS = "SELECT DISTINCT key FROM conversations_v2"
# The conversation of an execution is the first that was saved since it began, but for those that
# ran beside it. Only its row's number is asked for: a sorter would copy whole conversations.
_OF_FOLDER = (
    "SELECT rowid FROM conversations_v2 WHERE key = ? AND updated_at >= ? "
    "ORDER BY updated_at LIMIT 8"
)
_OLDER_FOLDERS = "SELECT rowid, key FROM conversations"


class RecentConversations:
    """One pass over a database, which reads each conversation once."""

    def __init__(self, path: str, scan: Scan) -> None:
        """Begin with nothing read."""
        self._path = path
        self._scan = scan
        self._turns: dict[tuple[str, int], list[Turn]] = {}

    def of_session(self, session_id: str) -> list[Turn]:
        """Return the turns of a session's conversation, oldest first."""
        if not session_id.isascii():
            return []
        with open_database(self._path, TABLES, self._scan) as database:
            if database is None or not database.has(_NEWER):
                return []
            rows = [row for (row,) in database.rows(_OF_SESSION, (session_id,))]
            return [turn for row in rows for turn in self._conversation(database, _NEWER, row)]

    def of_folders(self, is_wanted: Callable[[str], bool], since: int) -> list[Turn]:
        """Return the turns of the conversations that began in some folders.

        Args:
            is_wanted: tells of a folder's path whether it is one of them.
            since: conversations that were last saved before are left out, as far as the database
                says when; microseconds since the epoch.
        """
        with open_database(self._path, TABLES, self._scan) as database:
            if database is None:
                return []
            return [
                turn
                for table, row in _rows(database, is_wanted, since // 1000)
                for turn in self._conversation(database, table, row)
            ]

    def _conversation(self, database: Database, table: str, row: int) -> list[Turn]:
        key = (table, row)
        if key not in self._turns:
            self._turns[key] = list(conversation(database, table, row, self._path, self._scan))
        return self._turns[key]


def _rows(
    database: Database, is_wanted: Callable[[str], bool], since: int
) -> Iterator[tuple[str, int]]:
    # `since` is in milliseconds, as Kiro saves it.
    if database.has(_NEWER):
        for (key,) in list(database.rows(_FOLDERS)):
            folder = text_of(key)
            if is_wanted(folder):
                for (row,) in list(database.rows(_OF_FOLDER, (folder, since))):
                    yield _NEWER, row
    if database.has(_OLDER):
        for row, key in list(database.rows(_OLDER_FOLDERS)):
            if is_wanted(text_of(key)):
                yield _OLDER, row
