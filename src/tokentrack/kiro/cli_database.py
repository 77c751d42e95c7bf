"""Conversations of old CLIs and of `--no-interactive`: SQLite, `data.sqlite3`.

Only the conversations are read. SQLite itself refuses this connection every other table, so the
secrets in `auth_kv` and `state` can't be reached by mistake.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokentrack.kiro import files, values
from tokentrack.kiro import scan as reasons
from tokentrack.kiro.cli_history import turns_of
from tokentrack.kiro.sqlite import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.scan import Scan
    from tokentrack.kiro.turn import Turn

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


def turns(path: str, scan: Scan) -> Iterator[Turn]:
    """Yield the turns of all conversations in a database, once each.

    Credits stand only at the last turn of a conversation; those of the others are unknown.
    """
    with open_database(path, tuple(_QUERIES), scan) as database:
        for table, query in _QUERIES.items():
            if database is not None and database.has(table):
                rows = database.rows(query, (files.MAX_DOCUMENT,))
                for turn in _turns_of_table(rows, path, scan):
                    if scan.accepts(turn, path):
                        yield turn


def _turns_of_table(rows: Iterator[tuple[Any, ...]], path: str, scan: Scan) -> Iterator[Turn]:
    for rowid, key, conversation, updated, size, value in rows:
        updated_at = values.microseconds(updated)
        if not scan.is_recent(updated_at):
            continue
        if value is None:
            scan.skip(reasons.TOO_LONG if size else reasons.WRONG_SHAPE, path, rowid)
            continue
        document = _decode(value, path, rowid, scan)
        if document:
            name = _text(conversation) or values.text(document.get("conversation_id"))
            yield from turns_of(document, name, _text(key), updated_at, path, rowid, scan)


def _text(value: bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _decode(value: Any, path: str, rowid: int, scan: Scan) -> dict[str, Any]:
    try:
        document = json.loads(_text(value), strict=False)
    except (ValueError, RecursionError):
        scan.skip(reasons.NOT_JSON, path, rowid)
        return {}
    if not isinstance(document, dict):
        scan.skip(reasons.WRONG_SHAPE, path, rowid)
        return {}
    return document
