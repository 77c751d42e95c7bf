"""Open the index, up to date, for one answer; or a private one where that can't be done.

The index is a file in the user's state folder that any process may write. Where it can't be had
in time, can't be written or is a newer version's, the same code reads the same files into a
database of its own, which SQLite deletes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING

from tokentrack.reports.index.day_totals import has_limit, is_of_another_zone
from tokentrack.reports.index.looks import is_settled
from tokentrack.reports.index.segments import (
    File,
    Look,
    Segment,
    begins_with,
    files_in,
    known_segments,
)
from tokentrack.reports.index.tables import APPLICATION, VERSION
from tokentrack.store.archives import open_in
from tokentrack.store.directory import Directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tokentrack.reports.index.excess import Limit
    from tokentrack.reports.index.refresh import Progress, Refresh
    from tokentrack.reports.zones import Zone
    from tokentrack.store.paths import LedgerPaths

INDEX, SCAN = "index", "scan"
# How long another process's lock is waited for: as long as reading the files would take.
_LEAST_WAIT = 0.2
_BYTES_A_SECOND = 40_000_000


class OpenIndex:
    """An index that is up to date; its reader sees one state of it. Close it, or use `with`.

    Attributes:
        database: the connection, with a transaction begun.
        source: `index`, or `scan` for a private one.
        unreadable: the paths of the ledgers that are gone or can't be read, and why.
        rebuilt_because: why the index was rebuilt, "" if it was not.
        parsed: how many rows were read from files.
    """

    def __init__(
        self, database: sqlite3.Connection, source: str, unreadable: dict[str, str]
    ) -> None:
        self.database = database
        self.source = source
        self.unreadable = unreadable
        self.rebuilt_because = ""
        self.parsed = 0

    def close(self) -> None:
        """Close the connection; a private database is gone then."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_index(
    path: str | None,
    ledgers: Sequence[LedgerPaths],
    zone: Zone,
    progress: Progress | None = None,
    limit: Limit | None = None,
) -> OpenIndex:
    """Open the index of these ledgers, and bring it up to date.

    Args:
        path: its file; None for a private one.
        ledgers: all of its ledgers.
        zone: the system's zone, whose days the totals have.
        progress: is told how many bytes were read.
        limit: the plan's, of which the totals must know what is beyond.

    Raises:
        OSError: the files of a ledger kept changing while they were opened.
        sqlite3.Error: a private database can't be made either.
    """
    unique = {paths.path: paths for paths in ledgers}
    opening = Opening(list(unique.values()), zone, progress, limit)
    return (opening.kept(path) if path else None) or opening.private()


class Opening:
    """What the system says of the files of some ledgers, for one look at an index."""

    def __init__(
        self,
        ledgers: Sequence[LedgerPaths],
        zone: Zone | None = None,
        progress: Progress | None = None,
        limit: Limit | None = None,
    ) -> None:
        """Look at all files; the arguments are those of `open_index`."""
        self._ledgers = ledgers
        self._zone = zone
        self._progress = progress
        self._limit = limit
        self._unreadable: dict[str, str] = {}
        self._looks: dict[File, Look] = {}
        for paths in ledgers:
            try:
                with paths.open_folder(create=False) as folder:
                    self._looks |= files_in(folder, paths)
            except OSError as error:
                from tokentrack.common.oserrors import sentence_of

                is_gone = isinstance(error, FileNotFoundError)
                self._unreadable[paths.path] = "it is gone" if is_gone else sentence_of(error)

    def private(self) -> OpenIndex:
        """Read all files into a database of its own."""
        from tokentrack.reports.index.refresh import Refresh

        database = sqlite3.connect("", isolation_level=None)
        try:
            for setting in ("journal_mode = off", "synchronous = off"):
                database.execute(f"pragma {setting}")
            database.execute("begin")
            refresh = Refresh(database, self._ledgers, None, self._progress)
            refresh.build()
        except (OSError, sqlite3.Error):
            database.close()
            raise
        return self._opened(database, SCAN, refresh)

    def kept(self, path: str) -> OpenIndex | None:
        """Open the index that is kept, None where that can't be done."""
        for _ in range(2):
            try:
                return self._kept(path)
            except sqlite3.OperationalError:
                return None  # locked, full, read-only
            except sqlite3.DatabaseError:
                _remove(path)  # not a database, or a damaged one
            except OSError:
                return None
        return None

    def _kept(self, path: str) -> OpenIndex | None:
        with Directory.of_file(path, create=True) as (folder, name):
            os.close(folder.open_file(name, os.O_RDWR | os.O_CREAT))
        size = sum(look.size for look in self._looks.values())
        wait = _LEAST_WAIT + size / _BYTES_A_SECOND
        database = sqlite3.connect(path, timeout=wait, isolation_level=None)
        try:
            found = self._up_to_date(database)
        except (OSError, sqlite3.Error):
            database.close()
            raise
        if found is None:
            database.close()
        return found

    def _up_to_date(self, database: sqlite3.Connection) -> OpenIndex | None:
        version = _version(database)
        if version > VERSION:
            return None
        refresh = None
        database.execute("begin")
        if version < VERSION or not self.is_current(database):
            database.execute("rollback")
            database.execute("begin immediate")
            refresh = self._refreshed(database)
            database.execute("commit")
            database.execute("begin")
            # Another process may know other ledgers.
            if not self._has_our_ledgers(known_segments(database)):
                return None
        return self._opened(database, INDEX, refresh)

    def _refreshed(self, database: sqlite3.Connection) -> Refresh:
        from tokentrack.reports.index.refresh import Refresh, drop_tables

        refresh = Refresh(database, self._ledgers, self._zone, self._progress, self._limit)
        if _version(database) == VERSION:
            refresh.run()
        else:
            drop_tables(database)
            database.execute(f"pragma application_id = {APPLICATION}")
            database.execute(f"pragma user_version = {VERSION}")
            refresh.build()
        return refresh

    def is_current(self, database: sqlite3.Connection) -> bool:
        """Tell whether an index has all that the files have."""
        known = known_segments(database)
        if known.keys() != self._looks.keys():
            return False
        now = time.time_ns()
        young = []
        for file, look in self._looks.items():
            segment = known[file]
            if segment.look != look:
                return False
            if not segment.is_trusted:
                if is_settled(look, now):
                    return False  # one more look at its content, then it is trusted
                young.append(file)
        if self._zone is not None and is_of_another_zone(database, self._zone):
            return False
        if self._limit is not None and not has_limit(database, self._limit):
            return False
        return all(self._is_as_read(file, known[file]) for file in young)

    def _is_as_read(self, file: File, segment: Segment) -> bool:
        paths = next(paths for paths in self._ledgers if paths.path == file.path)
        try:
            with paths.open_folder(create=False) as folder, open_in(folder, file.name) as stream:
                return begins_with(stream, segment) is not None
        except OSError:
            return segment.problem != ""

    def _has_our_ledgers(self, known: dict[File, Segment]) -> bool:
        return {file.path for file in known} == {file.path for file in self._looks}

    def _opened(
        self, database: sqlite3.Connection, source: str, refresh: Refresh | None
    ) -> OpenIndex:
        opened = OpenIndex(database, source, self._unreadable)
        if refresh is not None:
            opened.parsed = refresh.parsed
            opened.rebuilt_because = refresh.rebuilt_because
        return opened


def _version(database: sqlite3.Connection) -> int:
    # 0 for a new file, and for one that is not ours.
    ours = database.execute("pragma application_id").fetchone()[0] == APPLICATION
    return int(database.execute("pragma user_version").fetchone()[0]) if ours else 0


def _remove(path: str) -> None:
    # The journal first: it must not be applied to the next database of that name.
    with Directory.of_file(path) as (folder, name):
        folder.remove(f"{name}-journal")
        folder.remove(name)
