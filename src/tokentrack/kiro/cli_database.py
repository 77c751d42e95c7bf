"""Conversations of old CLIs and of `--no-interactive`: SQLite, `data.sqlite3`.

Only the conversations are read. SQLite itself refuses this connection every other table, so the
secrets in `auth_kv` and `state` can't be reached by mistake.
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

    Requests = list[dict[str, Any]]
    from tokentrack.kiro.sqlite import Database

# What stands in `user.content` where a request only carries the results of tools.
_CONTINUES = "ToolUseResults"


def turns_of(
    document: dict[str, Any],
    conversation: str,
    workspace: str,
    updated_at: int | None,
    path: str,
    row: int,
    reading: ReadPass,
) -> Iterator[Turn]:
    """Yield the turns of a conversation, oldest first: a prompt and all requests it led to."""
    groups = _by_prompt(values.objects(document.get("history")))
    for number, requests in enumerate(groups):
        turn = Turn(CLI_DATABASE, "", conversation, workspace)
        _take_requests(turn, [values.mapping(r.get("request_metadata")) for r in requests])
        turn.model = turn.model or _model(document)
        turn.source_id = f"{conversation or workspace}:{turn.started_at or number}"
        turn.prompt = _prompt(requests[0])
        if number == len(groups) - 1:
            last = values.mapping(document.get("user_turn_metadata"))
            turn.credits, refused = values.credit_sum(last.get("usage_info"), "value")
            for _ in range(refused):
                reading.skip(read_pass.REFUSED_NUMBER, path, row)
            turn.ended_at = turn.ended_at or updated_at
        yield turn


def _by_prompt(history: Requests) -> list[Requests]:
    groups: list[Requests] = []
    for entry in history:
        content = values.mapping(entry.get("user")).get("content")
        if groups and isinstance(content, dict) and _CONTINUES in content:
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
    turn.input_tokens = _sum(requests, "uncached_input_tokens", values.tokens)
    turn.output_tokens = _sum(requests, "output_tokens", values.tokens)


def _sum(requests: Requests, key: str, read: Callable[[Any], int | None]) -> int | None:
    # A part of the requests is no sum of the turn.
    found = [read(request.get(key)) for request in requests]
    return None if None in found else sum(n for n in found if n is not None)


# The newer table first: a conversation that was moved is found in both.
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


TABLES = tuple(_QUERIES)
_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def turns(path: str, reading: ReadPass) -> Iterator[Turn]:
    """Yield the turns of all conversations in a database, once each.

    Credits stand only at the last turn of a conversation; those of the others are unknown.
    """
    with open_database(path, TABLES, reading) as database:
        if database is None:
            return
        # One question, so that a file that is no database is noted once.
        names = {text_of(name) for (name,) in database.rows(_NAMES)}
        for table, query in _QUERIES.items():
            rows = database.rows(query, (kiro_files.MAX_DOCUMENT,)) if table in names else iter(())
            for turn in _turns_of_table(rows, path, reading):
                if reading.accepts(turn, path):
                    yield turn


def conversation(
    database: Database, table: str, rowid: int, path: str, reading: ReadPass
) -> Iterator[Turn]:
    """Yield the turns of one row of a table, oldest first."""
    rows = database.rows(f"{_QUERIES[table]} WHERE rowid = ?", (kiro_files.MAX_DOCUMENT, rowid))
    return _turns_of_table(rows, path, reading)


def text_of(cell: bytes | None) -> str:
    """Return a cell's text, "" for NULL."""
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else ""


def _turns_of_table(
    rows: Iterator[tuple[Any, ...]], path: str, reading: ReadPass
) -> Iterator[Turn]:
    for rowid, key, conversation, updated, size, value in rows:
        updated_at = values.microseconds(updated)
        if not reading.is_recent(updated_at):
            continue
        if value is None:
            reading.skip(read_pass.TOO_LONG if size else read_pass.WRONG_SHAPE, path, rowid)
            continue
        document = _decode(value, path, rowid, reading)
        if document:
            name = text_of(conversation) or values.text(document.get("conversation_id"))
            try:
                yield from turns_of(document, name, text_of(key), updated_at, path, rowid, reading)
            except read_pass.UNFORESEEN:
                reading.skip(read_pass.WRONG_SHAPE, path, rowid)


def _decode(value: Any, path: str, rowid: int, reading: ReadPass) -> dict[str, Any]:
    try:
        document = json.loads(text_of(value), strict=False)
    except (ValueError, RecursionError):
        reading.skip(read_pass.NOT_JSON, path, rowid)
        return {}
    if not isinstance(document, dict):
        reading.skip(read_pass.WRONG_SHAPE, path, rowid)
        return {}
    return document


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

    def __init__(self, path: str, reading: ReadPass) -> None:
        """Begin with nothing read."""
        self._path = path
        self._reading = reading
        self._turns: dict[tuple[str, int], list[Turn]] = {}

    def of_session(self, session_id: str) -> list[Turn]:
        """Return the turns of a session's conversation, oldest first."""
        if not session_id.isascii():
            return []
        with open_database(self._path, TABLES, self._reading) as database:
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
        with open_database(self._path, TABLES, self._reading) as database:
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
            self._turns[key] = list(conversation(database, table, row, self._path, self._reading))
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
