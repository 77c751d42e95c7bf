"""Look into the index without waiting, as a shell prompt must: what is old is marked, not awaited.

A look takes in a few appended rows too. It never builds the index, and never reads more.
"""

from __future__ import annotations

import os
import time

from tokentrack.reports.index import sqlite
from tokentrack.reports.index.looks import content_of_packed, is_settled, looks_in
from tokentrack.reports.index.tables import APPLICATION, VERSION
from tokentrack.store.archive_names import COMPRESSED
from tokentrack.store.directory import Directory

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.reports.index.looks import Content, Look
    from tokentrack.reports.zones import Zone
    from tokentrack.store.paths import LedgerPaths

    # The ledger's path, 1 for its usage ledger, the name.
    File = tuple[bytes, int, bytes]
    # How it looked and whether that is trusted, how many bytes were read, and their CRC-32.
    Known = tuple[tuple[int, ...], int, int]
    Changed = tuple[File, Look, Content | None]

_WAIT = 0.05
_COMPRESSED = COMPRESSED.encode()
_QUERY = "select path, usage, name, bytes, crc, inode, size, mtime, ctime, is_trusted from segment"
_UNCLEAR = 2**63  # more than any number of bytes: a file that can't be followed


class QuickLook:
    """The index as it was found; close its database.

    Attributes:
        database: the connection, with a transaction begun.
        is_behind: whether there is more in the files than in the index.
    """

    __slots__ = ("database", "is_behind")

    def __init__(self, database: sqlite.Connection, *, is_behind: bool) -> None:
        self.database = database
        self.is_behind = is_behind


def look_into(
    path: str, ledgers: Sequence[LedgerPaths], zone: Zone, most_bytes: int
) -> QuickLook | None:
    """Open the index, and take in at most `most_bytes` of appended rows if nothing is in the way.

    Args:
        path: its file.
        ledgers: the ledgers that it should have.
        zone: the system's zone.
        most_bytes: if there is more to read, nothing is.

    Returns:
        The index; None if there is none of this version.

    Raises:
        sqlite.Error: another process has locked it, or it is damaged.
        OSError: it can't be opened.
    """
    try:
        with Directory.of_file(path) as (folder, name):
            os.close(folder.open_file(name, os.O_RDWR))
    except FileNotFoundError:
        return None
    database = sqlite.connect(path, timeout=_WAIT, isolation_level=None)
    try:
        if not _is_ours(database):
            database.close()
            return None
        database.execute("begin")
        to_read = _bytes_to_read(database, ledgers)
        is_behind = to_read is not None
        if to_read is not None and to_read <= most_bytes:
            database.execute("rollback")
            is_behind = not _follow(database, ledgers, zone)
            database.execute("begin")
    except (OSError, sqlite.Error):
        database.close()
        raise
    return QuickLook(database, is_behind=is_behind)


def _is_ours(database: sqlite.Connection) -> bool:
    names = ("application_id", "user_version")
    found = [database.execute(f"pragma {name}").fetchone()[0] for name in names]
    return found == [APPLICATION, VERSION]


def _follow(database: sqlite.Connection, ledgers: Sequence[LedgerPaths], zone: Zone) -> bool:
    from tokentrack.reports.index.follow import MustRebuildError
    from tokentrack.reports.index.refresh import Refresh

    try:
        database.execute("begin immediate")
    except sqlite.OperationalError:
        return False  # another process is at it, or the index can't be written
    try:
        has_followed = Refresh(database, ledgers, zone).follow()
    except MustRebuildError:
        database.execute("rollback")
        return False
    database.execute("commit")
    return has_followed


def _bytes_to_read(database: sqlite.Connection, ledgers: Sequence[LedgerPaths]) -> int | None:
    # None if nothing has changed. How a file just written looks is taken for its content.
    known: dict[File, Known] = {
        (path, is_usage, name): (tuple(look), length, crc)
        for path, is_usage, name, length, crc, *look in database.execute(_QUERY)
    }
    changed: list[Changed] = []
    now = time.time_ns()
    is_to_trust = False
    for paths in ledgers:
        path = os.fsencode(paths.path)
        try:
            opened = paths.open_folder(create=False)
        except OSError:
            continue  # a ledger that is gone: what the index has of it stays in `known`
        try:
            with opened as folder:
                for is_usage, name, look in looks_in(folder, paths):
                    file = (path, int(is_usage), os.fsencode(name))
                    if file in known and known[file][0][:4] == look:
                        is_to_trust |= not known.pop(file)[0][4] and is_settled(look, now)
                    else:
                        changed.append((file, look, content_of_packed(folder, name, look)))
        except OSError:
            return _UNCLEAR
    if not changed and not known:
        return 0 if is_to_trust else None
    return sum([_bytes_of(*found, known) for found in changed]) + _UNCLEAR * len(known)


def _bytes_of(file: File, look: Look, packed: Content | None, known: dict[File, Known]) -> int:
    # The bytes of a file that are in none of the known ones, from which its own is removed.
    if packed is not None or file[2].endswith(_COMPRESSED):
        same = [old for old, (_, length, crc) in known.items() if packed == (crc, length % 2**32)]
    else:
        same = [old for old, (before, _, _) in known.items() if before[0] == look[0]]
    same = [old for old in same if old[:2] == file[:2]]
    if not same:
        return _UNCLEAR if file[2].endswith(_COMPRESSED) else look[1]
    _, length, _ = known.pop(same[0])
    if packed is not None:
        return 0
    return look[1] - length if look[1] >= length else _UNCLEAR
