"""A private index of one usage ledger that a process keeps open, and follows as the file grows.

For programs that ask again and again, many times a second: nothing is shared with other processes,
so an answer waits for no lock and no disk.
"""

from __future__ import annotations

import io
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokentrack.common.oserrors import sentence_of
from tokentrack.errors import FileSystemError
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.index import fold, links
from tokentrack.reports.index.database import Opening
from tokentrack.reports.index.file_reader import Block, FileReader, Position
from tokentrack.reports.index.refresh import Refresh
from tokentrack.reports.index.request_totals import RequestTotals
from tokentrack.reports.index.staging import Staging
from tokentrack.reports.index.tables import PLACE_BITS, STAGED_IDS
from tokentrack.reports.index.usage_staging import UsageStaging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.zones import Zone
    from tokentrack.store.paths import LedgerPaths

# The place of lines that are in no file: after those of all files.
_NO_FILE = 2**62 >> PLACE_BITS
_LEDGER = 1
# Programs ask for one session again and again.
_SESSION_INDEX = "create index if not exists turn_session on turn (usage_session, usage_place)"
# SQLite must not be in use while the process forks: a child would find its locks taken for ever.
_in_use = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_in_use.acquire, after_in_parent=_in_use.release, after_in_child=_in_use.release
    )


class HeldIndex:
    """The index of one usage ledger; safe for any number of threads.

    Attributes:
        changes: goes up with each change of what the files say.
    """

    def __init__(self, paths: LedgerPaths, zone: Zone) -> None:
        """Name the ledger, and whose days the totals have; nothing is read before `opened`."""
        self._paths = paths
        self._zone = zone
        self._database: sqlite3.Connection | None = None
        self.changes = 0

    @contextmanager
    def opened(self, lines: Sequence[bytes] = ()) -> Iterator[sqlite3.Connection]:
        """Open the index, up to date; a missing file is an empty one.

        Args:
            lines: more lines of the usage ledger, which count until the index is closed.

        Raises:
            FileSystemError: the ledger can't be read.
        """
        with _in_use:
            try:
                database = self._up_to_date()
                database.execute("savepoint asked")
                try:
                    if lines:
                        _add(database, lines)
                    yield database
                finally:
                    database.execute("rollback to asked")
                    database.execute("release asked")
            except FileSystemError:
                raise  # it says it itself
            except (OSError, sqlite3.Error) as error:
                self.close()
                raise self._unreadable(error) from error

    def close(self) -> None:
        """Forget all that was read; the next opening reads the file anew."""
        with _in_use:
            database, self._database = self._database, None
            if database is not None:
                database.close()

    def _up_to_date(self) -> sqlite3.Connection:
        self._check_folder()
        opening = Opening([self._paths], self._zone)
        if self._database is None:
            self._database = _new_database(self._zone)
        elif opening.is_current(self._database):
            return self._database
        database = self._database
        self.changes += 1
        database.execute("begin")
        _refresh(database, [self._paths], self._zone).run()
        database.execute(_SESSION_INDEX)
        database.execute("commit")
        query = "select problem from segment where problem <> '' and usage = 1 and name = ?"
        found = database.execute(query, (os.fsencode(self._paths.usage),)).fetchone()
        if found is not None:
            self.close()
            raise FileSystemError(self._sentence(found[0]))
        return database

    def _check_folder(self) -> None:
        try:
            self._paths.open_folder(create=False).close()
        except FileNotFoundError:
            pass

    def _unreadable(self, error: OSError | sqlite3.Error) -> FileSystemError:
        return FileSystemError(
            self._sentence(sentence_of(error) if isinstance(error, OSError) else str(error))
        )

    def _sentence(self, reason: str) -> str:
        paths = self._paths
        return f"the usage ledger {paths.usage} in {paths.folder} can't be read: {reason}"


def _new_database(zone: Zone) -> sqlite3.Connection:
    # Threads take turns.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = memory", "synchronous = off"):
        database.execute(f"pragma {setting}")
    database.execute("begin")
    _refresh(database, [], zone).build()
    database.execute("commit")
    return database


def _refresh(database: sqlite3.Connection, ledgers: Sequence[LedgerPaths], zone: Zone) -> Refresh:
    return Refresh(database, ledgers, zone, totals=RequestTotals(database, zone, None))


def _add(database: sqlite3.Connection, lines: Sequence[bytes]) -> None:
    staging = Staging(database)
    database.create_function("merged_kind", 2, staging.usage_kinds.merged)
    rows = UsageStaging(staging, _LEDGER, _NO_FILE)
    for part in FileReader(io.BytesIO(b"".join(lines)), USAGE_COLUMNS, Position()).read():
        if isinstance(part, Block):
            rows.take(part)
    links.fold_all_usage(database)
    fold.settle(database, "turn", f"id in {STAGED_IDS}")
    staging.drop()
    # The totals lack them.
    database.execute("delete from meta where key = 'zone'")
