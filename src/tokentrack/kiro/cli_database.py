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
    from tokentrack.kiro.sqlite import Database
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


TABLES = tuple(_QUERIES)
_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def turns(path: str, scan: Scan) -> Iterator[Turn]:
    """Yield the turns of all conversations in a database, once each.

    Credits stand only at the last turn of a conversation; those of the others are unknown.
    """
    with open_database(path, TABLES, scan) as database:
        if database is None:
            return
        # One question, so that a file that is no database is noted once.
        names = {text_of(name) for (name,) in database.rows(_NAMES)}
        for table, query in _QUERIES.items():
            rows = database.rows(query, (files.MAX_DOCUMENT,)) if table in names else iter(())
            for turn in _turns_of_table(rows, path, scan):
                if scan.accepts(turn, path):
                    yield turn


def conversation(
    database: Database, table: str, rowid: int, path: str, scan: Scan
) -> Iterator[Turn]:
    """Yield the turns of one row of a table, oldest first."""
    rows = database.rows(f"{_QUERIES[table]} WHERE rowid = ?", (files.MAX_DOCUMENT, rowid))
    return _turns_of_table(rows, path, scan)


def text_of(cell: bytes | None) -> str:
    """Return a cell's text, "" for NULL."""
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else ""


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
            name = text_of(conversation) or values.text(document.get("conversation_id"))
            try:
                yield from turns_of(document, name, text_of(key), updated_at, path, rowid, scan)
            except reasons.UNFORESEEN:
                scan.skip(reasons.WRONG_SHAPE, path, rowid)


def _decode(value: Any, path: str, rowid: int, scan: Scan) -> dict[str, Any]:
    try:
        document = json.loads(text_of(value), strict=False)
    except (ValueError, RecursionError):
        scan.skip(reasons.NOT_JSON, path, rowid)
        return {}
    if not isinstance(document, dict):
        scan.skip(reasons.WRONG_SHAPE, path, rowid)
        return {}
    return document
