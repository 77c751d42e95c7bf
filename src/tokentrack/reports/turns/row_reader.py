"""Read single rows of the files back by their places in the index.

The index has no prompts and no ids, only where their rows are. Each file is opened once, and its
rows are read in the order of the file, so that an archive is decompressed once.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.index.tables import PLACE_BITS
from tokentrack.store.archive_names import COMPRESSED
from tokentrack.store.archives import open_in
from tokentrack.store.reader import PhysicalLines, layout_of, own_layout, records_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from io import BufferedReader

    from tokentrack.store.paths import LedgerPaths
    from tokentrack.store.reader import Layout

PROMPT = COLUMNS.index("prompt_text")
_MASK = (1 << PLACE_BITS) - 1
_CHUNK = 1024 * 1024


class ChangedError(Exception):
    """A file is not what the index says of it: it has changed since."""


class RowFile(NamedTuple):
    """A file of a ledger: its number in the index, the ledger's path, its name and its kind."""

    n: int
    ledger: str
    name: str
    is_usage: bool

    @property
    def path(self) -> str:
        """The path of the file."""
        return os.path.join(os.path.dirname(self.ledger), self.name)

    @property
    def columns(self) -> Sequence[str]:
        """The columns of its rows."""
        return USAGE_COLUMNS if self.is_usage else COLUMNS


class RowReader:
    """Reads rows of the files of an index.

    Attributes:
        files: the files that have rows, by their numbers.
    """

    def __init__(self, database: sqlite3.Connection, ledgers: Iterable[LedgerPaths]) -> None:
        """Name the index and its ledgers."""
        self._paths = {paths.path: paths for paths in ledgers}
        query = "select n, path, name, usage from segment where rows > 0"
        self.files = {
            n: RowFile(n, os.fsdecode(path), os.fsdecode(name), bool(is_usage))
            for n, path, name, is_usage in database.execute(query)
        }

    def rows(self, places: Iterable[int]) -> Iterator[tuple[int, list[str]]]:
        """Yield each place and the cells of its row, in the order of the places.

        Raises:
            ChangedError: there is no such row.
            OSError: a file can't be read.
        """
        for n, group in groupby(sorted(places), key=lambda place: place >> PLACE_BITS):
            offsets = [place & _MASK for place in group]
            for offset, cells in self._rows_in(n, offsets):
                yield n << PLACE_BITS | offset, cells

    def containing(
        self, places: Iterable[int], needle: str, *, ignores_case: bool
    ) -> Iterator[int]:
        """Yield those places in whose row an ASCII text is, in any of its cells.

        Raises:
            ChangedError: a file is gone.
            OSError: a file can't be read.
        """
        expression = re.compile(
            re.escape(needle.encode("ascii")), re.IGNORECASE if ignores_case else 0
        )
        for n, group in groupby(sorted(places), key=lambda place: place >> PLACE_BITS):
            offsets = [place & _MASK for place in group]
            with self.open(n) as file:
                last = -1
                for position in _positions(file, expression, len(needle)):
                    index = bisect_right(offsets, position) - 1
                    if index > last:
                        last = index
                        yield n << PLACE_BITS | offsets[index]

    @contextmanager
    def open(self, n: int) -> Iterator[BinaryIO]:
        """Open a file by its number.

        Raises:
            ChangedError: it is gone.
            OSError: it can't be read.
        """
        file = self.files.get(n)
        paths = self._paths.get(file.ledger) if file else None
        if file is None or paths is None:
            raise ChangedError
        try:
            with paths.open_folder(create=False) as folder, open_in(folder, file.name) as stream:
                yield stream
        except FileNotFoundError:
            raise ChangedError from None

    def _rows_in(self, n: int, offsets: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        with self.open(n) as stream:
            lines, layout = start(stream, self.files[n].columns)
            can_seek = not self.files[n].name.endswith(COMPRESSED)
            for offset in offsets:
                if can_seek:
                    stream.seek(offset)
                    lines = PhysicalLines(stream, finished=False)
                else:
                    _skip(lines, offset)
                record = next(records_in(lines, layout), None)
                if record is None or record.problem:
                    raise ChangedError
                yield offset, record.cells


def start(stream: BinaryIO, columns: Sequence[str]) -> tuple[PhysicalLines, Layout]:
    """Return the lines of a file after its header, if it has one, and the order of its cells."""
    lines = PhysicalLines(stream, finished=False)
    first = lines.next()
    layout = None if first is None else layout_of(first, columns)
    if first is not None and layout is None:
        lines.push(first)
    return lines, layout or own_layout(columns)


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file, up to the damage of a compressed one, as the index has it."""
    while True:
        try:
            # `read` would drop what comes right before the damage.
            data = cast("BufferedReader", file).read1(_CHUNK)
        except OSError:
            return
        if not data:
            return
        yield data


def _skip(lines: PhysicalLines, offset: int) -> None:
    while lines.offset < offset:
        if lines.next() is None:
            raise ChangedError


def _positions(file: BinaryIO, expression: re.Pattern[bytes], length: int) -> Iterator[int]:
    begin, kept = 0, b""
    for chunk in blocks(file):
        data = kept + chunk
        for match in expression.finditer(data):
            yield begin + match.start()
        kept = data[len(data) - length + 1 :] if length > 1 else b""
        begin += len(data) - len(kept)
