"""Conversations of old CLIs and of `--no-interactive`, in SQLite: `data.sqlite3`.

Only the conversations are read. SQLite itself refuses this connection every other table, so the
secrets in `auth_kv` and `state` can't be read by mistake.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokentrack.kiro import kiro_files, read_pass, values
from tokentrack.kiro.sqlite import open_database
from tokentrack.kiro.turn import CLI_DATABASE, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokentrack.kiro.read_pass import ReadPass
    from tokentrack.kiro.sqlite import Database

    Requests = list[dict[str, Any]]

# The newer table comes first: a conversation that Kiro moved is found in both.
_QUERIES = {
    "conversations_v2": (
        "SELECT rowid, key, conversation_id, updated_at, length(value), "
        "CASE WHEN length(value) <= ? THEN value END FROM conversations_v2"
    ),
    "conversations": (
        "SELECT rowid, key, NULL, NULL, length(value), "
        "CASE WHEN length(value) <= ? THEN value END FROM conversations"
    ),
}
_TABLES = _NEWER, _OLDER = tuple(_QUERIES)
_TABLE_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_OF_SESSION = "SELECT rowid FROM conversations_v2 WHERE conversation_id = ? LIMIT 8"
_FOLDERS = "SELECT DISTINCT key FROM conversations_v2"
# An execution's conversation is the first that was saved after it began, unless others ran at the
# same time: hence 8. Only row numbers are selected, since sorting would copy whole conversations.
_OF_FOLDER = (
    "SELECT rowid FROM conversations_v2 WHERE key = ? AND updated_at >= ? "
    "ORDER BY updated_at LIMIT 8"
)
_OLDER_FOLDERS = "SELECT rowid, key FROM conversations"
# The key in `user.content` of a request that only carries the results of tools.
_TOOL_RESULTS = "ToolUseResults"


def turns(path: str, reading: ReadPass) -> Iterator[Turn]:
    """Yield the turns of all conversations in a database, once each.

    Only the last turn of a conversation has credits; those of the others are unknown.
    """
    with open_database(path, _TABLES, reading) as database:
        if database is None:
            return
        # One query for both tables, so that a file that is not a database is noted once.
        names = {_text(name) for (name,) in database.rows(_TABLE_NAMES)}
        for table, query in _QUERIES.items():
            limit = (kiro_files.MAX_DOCUMENT,)
            rows = database.rows(query, limit) if table in names else iter(())
            for turn in _turns_of_rows(rows, path, reading):
                if reading.accepts(turn, path):
                    yield turn


class RecentConversations:
    """The conversations of a database in one pass, which reads each of them once."""

    def __init__(self, path: str, reading: ReadPass) -> None:
        self._path = path
        self._reading = reading
        self._turns: dict[tuple[str, int], list[Turn]] = {}

    def of_session(self, session_id: str) -> list[Turn]:
        """Return the turns of a session's conversation, oldest first."""
        if not session_id.isascii():
            return []
        with open_database(self._path, _TABLES, self._reading) as database:
            if database is None or not database.has(_NEWER):
                return []
            rows = [row for (row,) in database.rows(_OF_SESSION, (session_id,))]
            return [turn for row in rows for turn in self._conversation(database, _NEWER, row)]

    def of_folders(self, is_wanted: Callable[[str], bool], since: int) -> list[Turn]:
        """Return the turns of the conversations that began in some folders.

        Args:
            is_wanted: tells whether a folder's path is one of them.
            since: conversations last saved before this time are left out, where the database has
                that time; microseconds since the epoch.
        """
        with open_database(self._path, _TABLES, self._reading) as database:
            if database is None:
                return []
            return [
                turn
                for table, row in _rows_of_folders(database, is_wanted, since // 1000)
                for turn in self._conversation(database, table, row)
            ]

    def _conversation(self, database: Database, table: str, row: int) -> list[Turn]:
        key = (table, row)
        if key not in self._turns:
            query = f"{_QUERIES[table]} WHERE rowid = ?"
            rows = database.rows(query, (kiro_files.MAX_DOCUMENT, row))
            self._turns[key] = list(_turns_of_rows(rows, self._path, self._reading))
        return self._turns[key]


def _rows_of_folders(
    database: Database, is_wanted: Callable[[str], bool], since: int
) -> Iterator[tuple[str, int]]:
    # The table and number of each row; `since` is in milliseconds, as Kiro saves times.
    if database.has(_NEWER):
        for (key,) in list(database.rows(_FOLDERS)):
            folder = _text(key)
            if is_wanted(folder):
                for (row,) in list(database.rows(_OF_FOLDER, (folder, since))):
                    yield _NEWER, row
    if database.has(_OLDER):
        for row, key in list(database.rows(_OLDER_FOLDERS)):
            if is_wanted(_text(key)):
                yield _OLDER, row


def _turns_of_rows(rows: Iterator[tuple[Any, ...]], path: str, reading: ReadPass) -> Iterator[Turn]:
    for number, key, conversation, updated, size, value in rows:
        updated_at = values.microseconds(updated)
        if not reading.is_recent(updated_at):
            continue
        if value is None:
            reading.skip(read_pass.TOO_LONG if size else read_pass.WRONG_SHAPE, path, number)
            continue
        document = _decode(value, path, number, reading)
        if document:
            name = _text(conversation) or values.text(document.get("conversation_id"))
            try:
                yield from _turns_of(document, name, _text(key), updated_at, path, number, reading)
            except read_pass.SHAPE_ERRORS:
                reading.skip(read_pass.WRONG_SHAPE, path, number)


def _text(cell: bytes | None) -> str:
    # "" for NULL. Texts come as bytes, see `sqlite.Database.rows`.
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else ""


def _decode(value: Any, path: str, number: int, reading: ReadPass) -> dict[str, Any]:
    try:
        document = json.loads(_text(value), strict=False)
    except (ValueError, RecursionError):
        reading.skip(read_pass.NOT_JSON, path, number)
        return {}
    if not isinstance(document, dict):
        reading.skip(read_pass.WRONG_SHAPE, path, number)
        return {}
    return document


def _turns_of(
    document: dict[str, Any],
    conversation: str,
    workspace: str,
    updated_at: int | None,
    path: str,
    number: int,
    reading: ReadPass,
) -> Iterator[Turn]:
    # The turns of a conversation, oldest first: each is a prompt and all requests it led to.
    # `path` and `number`, of the row, are for the notes of `reading`.
    groups = _by_prompt(values.objects(document.get("history")))
    for index, requests in enumerate(groups):
        turn = Turn(CLI_DATABASE, "", conversation, workspace)
        _take_requests(turn, [values.mapping(r.get("request_metadata")) for r in requests])
        turn.model = turn.model or _model(document)
        turn.source_id = f"{conversation or workspace}:{turn.started_at or index}"
        turn.prompt = _prompt(requests[0])
        if index == len(groups) - 1:
            last = values.mapping(document.get("user_turn_metadata"))
            turn.credits, refused = values.credit_sum(last.get("usage_info"), "value")
            reading.skip(read_pass.REFUSED_NUMBER, path, number, refused)
            turn.ended_at = turn.ended_at or updated_at
        yield turn


def _by_prompt(history: Requests) -> list[Requests]:
    groups: list[Requests] = []
    for entry in history:
        content = values.mapping(entry.get("user")).get("content")
        if groups and isinstance(content, dict) and _TOOL_RESULTS in content:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return groups


def _prompt(request: dict[str, Any]) -> str:
    content = values.mapping(request.get("user")).get("content")
    for kind in values.mapping(content).values():
        if isinstance(kind, dict) and values.text(kind.get("prompt")):
            return values.text(kind["prompt"])
    return content if isinstance(content, str) else ""


def _model(document: dict[str, Any]) -> str:
    return values.text(values.mapping(document.get("model_info")).get("model_id"))


def _take_requests(turn: Turn, requests: Requests) -> None:
    first, last = requests[0], requests[-1]
    turn.started_at = values.microseconds(first.get("request_start_timestamp_ms"))
    turn.ended_at = values.microseconds(last.get("stream_end_timestamp_ms"))
    turn.model = values.text(last.get("model_id"))
    turn.context_percent = values.percent(last.get("context_usage_percentage"))
    turn.request_count = len(requests)
    turn.input_tokens = _sum_of_tokens(requests, "uncached_input_tokens")
    turn.output_tokens = _sum_of_tokens(requests, "output_tokens")


def _sum_of_tokens(requests: Requests, key: str) -> int | None:
    # None if one of the requests does not have the number: the rest is not the turn's sum.
    found = [values.tokens(request.get(key)) for request in requests]
    return None if None in found else sum(n for n in found if n is not None)
