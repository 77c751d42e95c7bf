"""Bring the index up to date: follow the ledgers' files, or drop everything and rebuild.

A follow reads what was appended, and knows a rotated, renamed or compressed file by its content.
Everything else (an edit, a deletion, an older row) drops the tables.
"""

from __future__ import annotations

import os

from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.reports.index import fold, links
from tokentrack.reports.index.file_reader import Block, FileReader, Position
from tokentrack.reports.index.follow import LedgerFiles, MustRebuildError
from tokentrack.reports.index.row_staging import RowStaging
from tokentrack.reports.index.segments import Segment, known_segments, save_segment
from tokentrack.reports.index.staging import Staging
from tokentrack.reports.index.sum_totals import Totals, Touched
from tokentrack.reports.index.tables import SCHEMA, STAGED_IDS, TIME_INDEX, TOTALS
from tokentrack.reports.index.usage_staging import UsageStaging

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from tokentrack.reports.index.excess import Limit
    from tokentrack.reports.index.follow import FileToRead
    from tokentrack.reports.index.segments import File
    from tokentrack.reports.zones import Zone
    from tokentrack.store.paths import LedgerPaths

    # Gets the number of bytes that were read so far, and None when the index is open.
    Progress = Callable[[int | None], None]


class Refresh:
    """One update of the index, within a transaction that the caller begins and ends.

    Attributes:
        rebuilt_because: why the files could not be followed, "" where they could.
        parsed: how many rows were read.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        ledgers: Sequence[LedgerPaths],
        zone: Zone | None,
        progress: Progress | None = None,
        limit: Limit | None = None,
        *,
        totals: Totals | None = None,
    ) -> None:
        """Name the index and its ledgers.

        Args:
            database: the index.
            ledgers: all of its ledgers.
            zone: whose days the totals have; None leaves totals out, for a single answer.
            progress: is told how many bytes were read.
            limit: the plan's; without one, that for which the index has totals.
            totals: sums of another kind than those that the zone and the limit give.
        """
        self._database = database
        self._ledgers = sorted(ledgers, key=lambda paths: paths.path)
        self._totals = totals
        if totals is None and zone is not None:
            self._totals = Totals(database, zone, limit)
        self._progress = progress
        self._bytes = 0
        self.rebuilt_because = ""
        self.parsed = 0

    def run(self) -> None:
        """Follow the files, or rebuild the index where that can't be done.

        Raises:
            OSError: the files of a ledger kept changing while they were opened.
        """
        try:
            if self.follow():
                return
        except MustRebuildError as reason:
            self.rebuilt_because = str(reason)
        self.build()

    def follow(self) -> bool:
        """Follow the files; return False where none is known yet.

        Raises:
            MustRebuildError: they can't be followed.
            OSError: the files of a ledger kept changing while they were opened.
        """
        known = known_segments(self._database)
        if known:
            self._check_totals()
            self._update(known)
        return bool(known)

    def build(self) -> None:
        """Drop everything and read all files."""
        if self._totals is not None:
            self._totals.keep_limit()
        drop_tables(self._database)
        for statement in SCHEMA if self._totals is None else (*SCHEMA, *TOTALS):
            self._database.execute(statement)
        self._update({})

    def _check_totals(self) -> None:
        if self._totals is not None:
            self._totals.keep_limit()
            if self._totals.is_of_another_zone():
                raise MustRebuildError("the time zone of this system is another one")

    def _update(self, known: dict[File, Segment]) -> None:
        staging = Staging(self._database)
        self._database.create_function("merged_kind", 2, staging.usage_kinds.merged)
        paths_of = {paths.path for paths in self._ledgers}
        if any(file.path not in paths_of for file in known):
            raise MustRebuildError("a ledger was removed from the list")
        by_ledger: dict[str, dict[File, Segment]] = {path: {} for path in paths_of}
        for file, segment in known.items():
            by_ledger[file.path][file] = segment
        for paths in self._ledgers:
            own = by_ledger[paths.path]
            with LedgerFiles(paths, own) as files:
                for to_read in files.to_read():
                    self._read(to_read, staging)
        if known:
            self._merge_new()
        else:
            self._merge_all()
        if staging.is_local:
            self._database.execute("insert or replace into meta values ('is_local', 1)")
        staging.drop()
        self.parsed = staging.rows

    def _read(self, to_read: FileToRead, staging: Staging) -> None:
        database, file = self._database, to_read.file
        old = to_read.segment
        number = _next(database, "segment") if old is None else old.n
        kind = UsageStaging if file.is_usage else RowStaging
        rows = kind(staging, _ledger_number(database, file.path), number)
        start = Position() if old is None else Position(old.bytes, old.lines, old.crc)
        problem, end, is_open = to_read.problem, start, old is not None and old.is_open
        if to_read.stream is not None:
            reader = FileReader(to_read.stream, rows.columns, start, to_read.header)
            try:
                with with_path(file.folder, file.name):
                    self._stage(reader, rows)
            except OSError as error:
                problem = sentence_of(error)
            end, is_open = reader.position, is_open or reader.is_open
        read_before = 0 if old is None else old.rows
        segment = Segment(
            number, to_read.look, to_read.is_settled, end.offset, end.lines, end.crc,
            read_before + rows.rows, is_open, problem,
        )  # fmt: skip
        save_segment(database, file, segment)
        skipped = [*rows.damaged, (0, problem)] if problem else rows.damaged
        database.executemany(
            "insert into skipped values (?, ?, ?)", [(number, *found) for found in skipped]
        )

    def _stage(self, reader: FileReader, rows: RowStaging | UsageStaging) -> None:
        before = reader.position.offset
        for part in reader.read():
            if isinstance(part, Block):
                rows.take(part)
            else:
                rows.note(*part)
            self._bytes += reader.position.offset - before
            before = reader.position.offset
            if self._progress is not None:
                self._progress(self._bytes)

    def _merge_all(self) -> None:
        database = self._database
        fold.fold_rows(database, "turn", "n.id", "new_row n")
        links.link_ids(database)
        links.fold_all_usage(database)
        fold.settle(database, "turn")
        links.fold_parts(database)
        self._note_resets()
        if self._totals is not None:
            database.execute(TIME_INDEX)
            self._totals.sum_all()

    def _merge_new(self) -> None:
        database = self._database
        if reason := fold.follow_problem(database, is_merged=False):
            raise MustRebuildError(reason)
        touched = Touched()
        if self._totals is not None:
            self._totals.note_touched(touched)
        links.keep_parts(database)
        fold.fold_rows(database, "turn", "n.id", "new_row n")
        links.add_links(database)
        links.fold_all_usage(database)
        fold.settle(database, "turn", f"id in {STAGED_IDS}")
        links.fold_new_parts(database)
        if reason := fold.follow_problem(database, is_merged=True):
            raise MustRebuildError(reason)
        self._note_resets()
        if self._totals is not None:
            self._totals.note_touched(touched)
            self._totals.sum_touched(touched)

    def _note_resets(self) -> None:
        self._database.execute(
            "insert or replace into reset "
            "select ledger, session, place from new_reset order by place"
        )


def drop_tables(database: sqlite3.Connection) -> None:
    """Drop all tables, the temporary ones as well."""
    for schema, name in database.execute(
        "select 'main', name from sqlite_master where type = 'table' union all "
        "select 'temp', name from sqlite_temp_master where type = 'table'"
    ).fetchall():
        database.execute(f"drop table {schema}.{name}")


def _next(database: sqlite3.Connection, table: str) -> int:
    query = f"select ifnull(max(n), 0) + 1 from {table}"
    return int(database.execute(query).fetchone()[0])


def _ledger_number(database: sqlite3.Connection, path: str) -> int:
    query = "select n from ledger where path = ?"
    name = os.fsencode(path)
    found = database.execute(query, (name,)).fetchone()
    if found is not None:
        return int(found[0])
    number = _next(database, "ledger")
    database.execute("insert into ledger values (?, ?)", (number, name))
    return number
