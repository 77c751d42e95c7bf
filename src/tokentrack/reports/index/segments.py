"""The files of the known ledgers, and how each compares with what the index has read of it.

A segment is what was read of one file: a number of bytes from its start, and their CRC-32. A file
is unchanged if it looks as it did when it was read, at least two seconds after its last change: a
later change within the clock's last tick would not show.
"""

from __future__ import annotations

import os

from tokentrack.common.records import NamedTuple
from tokentrack.reports.index.looks import content_of_packed, looks_in

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from typing import BinaryIO

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_CHUNK = 256 * 1024


class Look(NamedTuple):
    """What the system says of a file."""

    inode: int
    size: int
    mtime: int
    ctime: int


class File(NamedTuple):
    """A file of a ledger: the ledger's path, whether it is of the usage ledger, its name."""

    path: str
    is_usage: bool
    name: str

    @property
    def folder(self) -> str:
        """The path of its folder."""
        return os.path.dirname(self.path)


class Segment(NamedTuple):
    """What was read of a file; `problem` is why it could not be read to its end, "" if it was.

    `is_open` says that more lines could change what its last damaged line is.
    """

    n: int
    look: Look
    is_trusted: bool
    bytes: int
    lines: int
    crc: int
    rows: int
    is_open: bool
    problem: str


_COLUMNS = (
    "n, path, usage, name, inode, size, mtime, ctime, is_trusted, bytes, lines, crc, rows, "
    "is_open, problem"
)


def known_segments(database: sqlite3.Connection) -> dict[File, Segment]:
    """Return the segments of the index by their files."""
    query = f"select {_COLUMNS} from segment order by n"
    found = {}
    for n, path, is_usage, name, *rest in database.execute(query):
        *look, is_trusted, size, lines, crc, rows, is_open, problem = rest
        found[File(os.fsdecode(path), bool(is_usage), os.fsdecode(name))] = Segment(
            n, Look(*look), bool(is_trusted), size, lines, crc, rows, bool(is_open), problem
        )
    return found


def save_segment(database: sqlite3.Connection, file: File, segment: Segment) -> None:
    """Store a segment, in place of the one that has its number."""
    key = (os.fsencode(file.path), file.is_usage, os.fsencode(file.name))
    values = (segment.n, *key, *segment.look, *segment[2:])
    marks = ", ".join("?" * len(values))
    statement = f"insert or replace into segment ({_COLUMNS}) values ({marks})"
    database.execute(statement, values)


def files_in(folder: Directory, paths: LedgerPaths) -> dict[File, Look]:
    """Return the files of a ledger: of both kinds, the archives by age and the active one last.

    Raises:
        OSError: the folder can't be read.
    """
    return {
        File(paths.path, is_usage, name): Look(*look)
        for is_usage, name, look in looks_in(folder, paths)
    }


def begins_with(file: BinaryIO, segment: Segment) -> bytes | None:
    """Read as much of a file as was read of a segment; return its first line if it is the same.

    Returns:
        The first line without its line feed, or what there is of it; None for other content.

    Raises:
        OSError: it can't be read.
    """
    from zlib import crc32

    left, crc = segment.bytes, 0
    header = b""
    while left and (chunk := file.read(min(left, _CHUNK))):
        header = header or chunk
        crc = crc32(chunk, crc)
        left -= len(chunk)
    return header.partition(b"\n")[0] if not left and crc == segment.crc else None


def is_packed_copy(file: File, look: Look, folder: Directory, segment: Segment) -> bool:
    """Tell by the trailer of a compressed file whether its content is all that was read.

    Raises:
        OSError: it can't be read.
    """
    packed = content_of_packed(folder, file.name, look)
    return packed == (segment.crc, segment.bytes % 2**32)
