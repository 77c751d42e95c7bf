"""Read what was appended to a usage ledger since the last read.

A ledger only grows, so each row is read once. Where the file is no longer the one that was read
(another inode, a smaller size, other bytes before the point where the last read stopped), the
reader says so, and its user starts over.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.requests import decode_entry
from tokentrack.store.directory import read_at
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.reports.requests import UsageEntry
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.store.reader import Record

_KEPT_PROBLEMS = 100
_MARK_BYTES = 512


class StaleReadError(Exception):
    """The file is not the one that was read before."""


class _Position(NamedTuple):
    # Where the last read stopped, and the bytes before that point.
    inode: int
    offset: int
    line: int
    mark: bytes


class _WholeLines(io.BufferedReader):
    # Counts whole lines and their bytes; a line without its LF is not whole yet.

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor), 1024 * 1024)
        self.offset = self.lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if line.endswith(b"\n"):
            self.offset += len(line)
            self.lines += 1
        return line


class IncrementalReader:
    """Yields the entries of a usage ledger, each once.

    Attributes:
        problems: the first damaged rows, each with its line.
        damaged: how many damaged rows there are.
    """

    def __init__(self, paths: LedgerPaths) -> None:
        """Name the ledger; nothing is read before `new_entries`."""
        self._paths = paths
        self._at = _Position(0, 0, 0, b"")
        self.problems: list[str] = []
        self.damaged = 0

    def new_entries(self) -> Iterator[UsageEntry]:
        """Yield the entries that were appended since the last call; a missing file has none.

        Raises:
            FileSystemError: the file can't be read.
            StaleReadError: the file is not the one that was read before; use a new reader.
        """
        try:
            with self._paths.open_folder(create=False) as folder:
                descriptor = folder.open_file(self._paths.usage, os.O_RDONLY)
        except FileNotFoundError:
            if self._at.offset:
                raise StaleReadError from None
            return
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            with _WholeLines(descriptor) as file:
                yield from self._read(file)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> FileSystemError:
        return FileSystemError(
            f"the usage ledger {self._paths.usage} in {self._paths.folder} can't be read: "
            f"{error.strerror}"
        )

    def _read(self, file: _WholeLines) -> Iterator[UsageEntry]:
        status = os.fstat(file.fileno())
        at = self._at
        if at.offset and not _fits(file.fileno(), status, at):
            raise StaleReadError
        if status.st_size == at.offset:
            return
        file.seek(at.offset)
        for record in read_records(file, USAGE_COLUMNS):
            entry = self._entry(record)
            if entry is not None:
                yield entry
        end = at.offset + file.offset
        start = max(0, end - _MARK_BYTES)
        mark = read_at(file.fileno(), end - start, start)
        self._at = _Position(status.st_ino, end, at.line + file.lines, mark)

    def _entry(self, record: Record) -> UsageEntry | None:
        problem = record.problem
        if not problem:
            try:
                return decode_entry(record.cells)
            except (ValueError, ValidationError) as error:
                problem = str(error)
        self.damaged += 1
        if len(self.problems) < _KEPT_PROBLEMS:
            line = self._at.line + record.line
            self.problems.append(f"{self._paths.usage} line {line}: {problem}")
        return None


def _fits(descriptor: int, status: os.stat_result, at: _Position) -> bool:
    if status.st_ino != at.inode or status.st_size < at.offset:
        return False
    return read_at(descriptor, len(at.mark), at.offset - len(at.mark)) == at.mark
