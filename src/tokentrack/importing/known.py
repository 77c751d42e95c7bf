"""The executions that ledgers already have, to recognise them by id, source, session and time."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import ValidationError
from tokentrack.importing.turns import WorkspaceNames, root_in
from tokentrack.kiro.reconcile.matching import EXACT, WINDOW, Window
from tokentrack.kiro.reconcile.numbers import SURFACE_OF
from tokentrack.kiro.values import microseconds
from tokentrack.models.columns import COLUMNS, STARTED
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import UNKNOWN, USAGE_COLUMNS, usage_row
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.turn import Turn
    from tokentrack.store.paths import LedgerPaths

_SECOND = 1_000_000
_PART = 8  # bytes of a digest for each column
# The most that a window's edge can be away from the turn's; `matching` decides within that.
_REACH = 60 * _SECOND
_SCHEMA = """
CREATE TABLE row (ledger BLOB, id BLOB, at INTEGER, started INTEGER, aborted INTEGER,
                  session BLOB, folder BLOB, digest BLOB, PRIMARY KEY (ledger, id)) WITHOUT ROWID;
CREATE INDEX row_session ON row (ledger, session, at);
CREATE TABLE usage (ledger BLOB, id BLOB, source_id BLOB, surface BLOB, joined INTEGER,
                    credits INTEGER, cells TEXT, PRIMARY KEY (ledger, id)) WITHOUT ROWID;
CREATE INDEX usage_source ON usage (ledger, source_id);
"""
# Without statistics, SQLite would use the primary keys and read a whole ledger for each turn.
_SAME_SOURCE = """
SELECT id, cells FROM usage INDEXED BY usage_source WHERE ledger = ? AND source_id = ?
"""
_CANDIDATES = """
SELECT row.id, row.started, row.at, row.aborted, usage.cells FROM row INDEXED BY row_session
LEFT JOIN usage ON usage.ledger = row.ledger AND usage.id = row.id
WHERE row.ledger = ? AND row.session IN (?, X'') AND row.at BETWEEN ? AND ?
  AND coalesce(usage.joined, 0) = 0
  AND (row.session != X'' OR (usage.surface = ? AND row.folder = ?))
"""


class Match(NamedTuple):
    """An execution that a ledger has, how it was found, and its usage row's cells."""

    identity: str
    how: str
    has_credits: bool
    cells: list[str]


class KnownExecutions:
    """The executions of any number of ledgers, in a private database that may spill to the disk."""

    def __init__(self) -> None:
        # Without a name, SQLite makes a file that is unlinked from the start.
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8192"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        self._stamps: dict[str, tuple[object, ...]] = {}
        self._folders: dict[str, WorkspaceNames] = {}

    def close(self) -> None:
        """Close the database; nothing of it remains."""
        self._database.close()

    def refresh(self, paths: LedgerPaths) -> None:
        """Read a ledger, unless it has not changed since it was read or marked current.

        Raises:
            OSError: it can't be read.
            ValueError: its path is impossible.
        """
        if self._stamps.get(paths.path) == _stamp(paths):
            return
        for table in ("row", "usage"):
            self._database.execute(f"DELETE FROM {table} WHERE ledger = ?", (_ledger(paths),))  # noqa: S608  (two names of our own)
        self._stamps[paths.path] = _stamp(paths)
        self._folders[paths.path] = WorkspaceNames()
        for cells in _cells(paths, COLUMNS, usage=False):
            try:
                self.add_row(paths, TokenTransaction.from_csv_row(cells))
            except ValidationError:
                continue  # `tokentrack verify` lists invalid rows
        for cells in _cells(paths, USAGE_COLUMNS, usage=True):
            self.add_usage(paths, cells)

    def folders(self, paths: LedgerPaths) -> WorkspaceNames:
        """Return the names of the workspaces whose turns were imported into a ledger."""
        return self._folders.setdefault(paths.path, WorkspaceNames())

    def mark_current(self, paths: LedgerPaths) -> None:
        """Say that all rows of a ledger are known: the caller has added those that it appended."""
        self._stamps[paths.path] = _stamp(paths)

    def add_row(self, paths: LedgerPaths, transaction: TokenTransaction) -> None:
        """Add a row of the ledger."""
        at, elapsed = transaction.timestamp_us, transaction.elapsed_time
        started = None if elapsed is None else at - int(elapsed * _SECOND)
        self._database.execute(
            "INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_ledger(paths), _key(transaction.agent_execution_id), at, started,
             transaction.hook_trigger_type == STARTED, _key(transaction.session_id),
             _key(transaction.workspace_folder), digest_of(transaction)),
        )  # fmt: skip

    def add_usage(self, paths: LedgerPaths, cells: list[str]) -> None:
        """Add a usage row, which supersedes an earlier one of its execution."""
        row = dict(zip(USAGE_COLUMNS, cells, strict=True))
        self._database.execute(
            "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)",
            (_ledger(paths), _key(row["agent_execution_id"]), _key(row["source_id"]),
             _key(row["surface"]), row["source"] in SURFACE_OF, row["credits"] != "",
             json.dumps(cells)),
        )  # fmt: skip
        root = root_in(row["tags"])
        if root and root not in self.folders(paths):
            self._note_folder(paths, root, row["agent_execution_id"])

    def find(self, paths: LedgerPaths, turn: Turn, folder: str) -> Match | None:
        """Return the execution of a ledger that is a turn of Kiro's, None without one.

        Args:
            paths: the ledger, refreshed.
            turn: what Kiro wrote.
            folder: the name of the turn's workspace, for executions without a session.
        """
        exact = self._by_id(paths, turn.execution_id or identity_of(turn))
        return exact or self._by_source(paths, turn) or self._by_window(paths, turn, folder)

    def has_row(self, paths: LedgerPaths, identity: str) -> bool:
        """Tell whether a ledger has a row of an execution."""
        query = "SELECT 1 FROM row WHERE ledger = ? AND id = ?"
        return bool(self._database.execute(query, (_ledger(paths), _key(identity))).fetchone())

    def digest(self, paths: LedgerPaths, identity: str) -> bytes | None:
        """Return the digest of an execution's row, None when the ledger has none."""
        query = "SELECT digest FROM row WHERE ledger = ? AND id = ?"
        found = self._database.execute(query, (_ledger(paths), _key(identity))).fetchone()
        return bytes(found[0]) if found else None

    def usage(self, paths: LedgerPaths, identity: str) -> list[str] | None:
        """Return the cells of an execution's last usage row, None when it has none."""
        query = "SELECT cells FROM usage WHERE ledger = ? AND id = ?"
        found = self._database.execute(query, (_ledger(paths), _key(identity))).fetchone()
        return json.loads(found[0]) if found else None

    def _note_folder(self, paths: LedgerPaths, root: str, identity: str) -> None:
        query = "SELECT folder FROM row WHERE ledger = ? AND id = ?"
        found = self._database.execute(query, (_ledger(paths), _key(identity))).fetchone()
        if found:
            self.folders(paths).note(root, _text(found[0]))

    def _by_id(self, paths: LedgerPaths, identity: str) -> Match | None:
        if not self.has_row(paths, identity):
            return None
        return _match(identity, EXACT, self.usage(paths, identity))

    def _by_source(self, paths: LedgerPaths, turn: Turn) -> Match | None:
        source = (_ledger(paths), _key(turn.source_id))
        for key, cells in self._database.execute(_SAME_SOURCE, source).fetchall():
            # A kill between the two appends leaves a usage row alone.
            if self.has_row(paths, _text(key)):
                return _match(_text(key), EXACT, json.loads(cells))
        return None

    def _by_window(self, paths: LedgerPaths, turn: Turn, folder: str) -> Match | None:
        times = [at for at in (turn.started_at, turn.ended_at) if at is not None]
        if not times:
            return None
        bounds = (min(times) - _REACH, max(times) + _REACH)
        surface = SURFACE_OF[turn.source]
        key = (_ledger(paths), _key(turn.session_id), *bounds, _key(surface), _key(folder))
        best: tuple[int, Match] | None = None
        for found, started, at, aborted, text in self._database.execute(_CANDIDATES, key):
            identity, cells = _text(found), json.loads(text) if text else None
            window = _aborted(identity, at, cells) if aborted else Window(identity, started, at)
            overlap = window.overlap(turn)
            if overlap is not None and (best is None or overlap > best[0]):
                best = overlap, _match(identity, WINDOW, cells)
        return best and best[1]


def identity_of(turn: Turn) -> str:
    """Return the execution id of an imported turn: Kiro's own, else one from its source."""
    return turn.execution_id or f"{turn.source}:{turn.source_id}"


def usage_without_numbers(identity: str, session: str) -> list[str]:
    """Return the cells of a usage row without any numbers, of an unknown user and machine."""
    cells = usage_row(identity, now_us(), session, "", "", {}, UNKNOWN, {})
    cells[USAGE_COLUMNS.index("machine")] = ""
    return cells


def with_user(cells: list[str], user: str | None) -> list[str]:
    """Return a usage row's cells with the user's name, if they have none and one is given."""
    at = USAGE_COLUMNS.index("user")
    return [*cells[:at], user, *cells[at + 1 :]] if user and not cells[at] else cells


def recorded_now(cells: list[str]) -> list[str]:
    """Return a usage row's cells as a row of this moment, which supersedes the earlier one."""
    at = USAGE_COLUMNS.index("recorded_at")
    return [*cells[:at], format_us(now_us()), *cells[at + 1 :]]


def digest_of(transaction: TokenTransaction) -> bytes:
    """Return a row's digest: some bytes for each column."""
    cells = [cell.encode("utf-8", "surrogatepass") for cell in transaction.to_csv_row()]
    return b"".join([hashlib.blake2b(cell, digest_size=_PART).digest() for cell in cells])


def differing(one: bytes, other: bytes) -> list[str]:
    """Return the columns in which the rows of two digests differ."""
    starts = range(0, len(one), _PART)
    changed = [one[at : at + _PART] != other[at : at + _PART] for at in starts]
    return [name for name, is_changed in zip(COLUMNS, changed, strict=True) if is_changed]


def _match(identity: str, how: str, cells: list[str] | None) -> Match:
    known = cells or usage_without_numbers(identity, "")
    return Match(identity, how, known[USAGE_COLUMNS.index("credits")] != "", known)


def _aborted(identity: str, at: int, cells: list[str] | None) -> Window:
    # It never completed, so its row has the time of its start.
    noticed = microseconds(cells[USAGE_COLUMNS.index("recorded_at")]) if cells else None
    return Window(identity, at, noticed or at, is_aborted=True)


def _ledger(paths: LedgerPaths) -> bytes:
    return _key(paths.path)


def _key(text: str) -> bytes:
    # A lone surrogate is not valid TEXT for SQLite.
    return text.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _cells(paths: LedgerPaths, columns: tuple[str, ...], *, usage: bool) -> Iterator[list[str]]:
    with open_ledger_files(paths, usage=usage) as files:
        for file in files.values():
            for record in read_records(file, columns):
                if not record.problem:
                    yield record.cells


def _stamp(paths: LedgerPaths) -> tuple[object, ...]:
    # The active files are enough: a rotation, which makes an archive, makes a new active file.
    found: list[object] = []
    for name in (paths.ledger, paths.usage):
        try:
            status = os.stat(os.path.join(paths.folder, name), follow_symlinks=False)
            found += [status.st_ino, status.st_size]
        except (OSError, ValueError):  # no path can have a NUL or every lone surrogate
            found.append(None)
    return tuple(found)
