"""Read a file of a ledger on from an offset: plain rows in blocks, the rest one by one.

A block is split by its line feeds and commas where that must give what `store.reader` gives: only
whole lines, valid UTF-8, no CR, every quote closed within its line. Any other block is read by
`store.reader` itself, record by record.
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate, count
from operator import add
from zlib import crc32

from tokentrack.common.records import NamedTuple
from tokentrack.store import codec
from tokentrack.store.reader import MAX_LINE, PhysicalLines, layout_of, own_layout, records_in

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO

try:  # `csv` itself costs 5 ms more, for what is not used here
    from _csv import Error as CsvError
    from _csv import reader as parse_csv
except ImportError:
    from csv import Error as CsvError
    from csv import reader as parse_csv

_BLOCK = 256 * 1024


class Position(NamedTuple):
    """How far a file was read: bytes, lines, and the CRC-32 of those bytes."""

    offset: int = 0
    lines: int = 0
    crc: int = 0


class Block(NamedTuple):
    """Rows in consecutive lines, with the offset of each; `line` is the number of the first."""

    line: int
    rows: list[list[str]]
    offsets: list[int]


class Damage(NamedTuple):
    """A damaged line of a file: its number and what is wrong with it."""

    line: int
    reason: str


class FileReader:
    """Reads a file on from a position.

    Attributes:
        position: up to where it was read: the end of a record.
        is_open: whether the end of the file could change what its last damaged line is.
    """

    def __init__(
        self, file: BinaryIO, columns: Sequence[str], start: Position, header: bytes = b""
    ) -> None:
        """Read `file`, which is at `start`; `header` is its first line, for a start after it."""
        # `read1` hands out what comes before the damage of a compressed file.
        self._file: Any = file
        self._columns = columns
        self._rest = b""
        self._own = own_layout(columns)
        self._layout = (layout_of(header, columns) if start.offset else None) or self._own
        self.position = start
        self.is_open = False

    def read(self) -> Iterator[Block | Damage]:
        """Yield the rows and the damage; a last line without its line feed is left for later.

        Raises:
            OSError: the file can't be read on; what was yielded before counts.
        """
        if not self.position.offset:
            self._read_header()
        while data := self._next_block():
            block = self._read_plainly(data)
            if block is None:
                yield from self._read_singly(data)
            else:
                yield block

    def _read_header(self) -> None:
        line = self._file.readline(MAX_LINE)
        header = line.removesuffix(b"\n")
        layout = layout_of(header, self._columns) if line != header else None
        if layout is None:
            self._rest = line
        else:
            self._layout = layout
            self.position = Position(len(line), 1, crc32(line))

    def _next_block(self) -> bytes:
        # Whole lines; of a line that is longer than a block a part.
        data = self._rest
        while len(data) <= _BLOCK and (more := self._file.read1(_BLOCK)):
            data += more
            if b"\n" in more:
                break
        end = data.rfind(b"\n") + 1
        if not end and len(data) > _BLOCK:
            end = len(data)
        self._rest = data[end:]
        return data[:end]

    def _read_plainly(self, data: bytes) -> Block | None:
        if self._layout != self._own or b"\r" in data or not data.endswith(b"\n"):
            return None
        if not (data.isascii() or _is_utf8(data)):
            return None
        lines = data.decode("latin-1").split("\n")
        lines.pop()
        if b'"' in data:
            rows = _split_quoted(lines)
            if rows is None:
                return None
        else:
            rows = [line.split(",") for line in lines]
        offset, number, crc = self.position
        # The line feeds are not in the lengths.
        offsets = list(map(add, accumulate(map(len, lines), initial=offset), count()))
        self.position = Position(offsets.pop(), number + len(rows), crc32(data, crc))
        return Block(number + 1, rows, offsets)

    def _read_singly(self, data: bytes) -> Iterator[Block | Damage]:
        start = self.position
        source: Any = _Source(self._file, data + self._rest, start)
        lines = PhysicalLines(source, finished=False)
        for record in records_in(lines, self._layout):
            number, offset = start.lines + record.line, self.position.offset
            if record.problem:
                self.is_open |= lines.at_end
                yield Damage(number, record.problem)
            else:
                yield Block(number, [_stored(record.cells)], [offset])
            self.position = source.position_at(start.offset + lines.offset)
            if self.position.offset >= start.offset + len(data) and not lines.is_ahead:
                break
        self._rest = source.rest


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _split_quoted(lines: list[str]) -> list[list[str]] | None:
    # `csv` agrees with `codec` about lines whose quotes are all closed; other lines make it
    # fail, or join two.
    quoted = [line for line in lines if '"' in line]
    try:
        parsed = list(parse_csv(quoted, strict=True))
    except CsvError:
        return None
    if len(parsed) != len(quoted):
        return None
    rest = iter(parsed)
    return [next(rest) if '"' in line else line.split(",") for line in lines]


def _stored(cells: list[str]) -> list[str]:
    # In the form in which plain lines have them.
    line = codec.encode_line(cells)[:-1].decode("utf-8")
    return [cell.encode("utf-8").decode("latin-1") for cell in codec.split_line(line)]


class _Source:
    # What was read ahead, then the file, by lines; knows the position at the end of each line.

    def __init__(self, file: BinaryIO, ahead: bytes, start: Position) -> None:
        self._file = file
        self._ahead = ahead
        self._at = 0
        self._ends = deque([start])

    @property
    def rest(self) -> bytes:
        return self._ahead[self._at :]

    def readline(self, limit: int) -> bytes:
        end = self._ahead.find(b"\n", self._at, self._at + limit) + 1
        line = self._ahead[self._at : end or self._at + limit]
        self._at += len(line)
        if not line.endswith(b"\n") and len(line) < limit:
            line += self._file.readline(limit - len(line))
        offset, lines, crc = self._ends[-1]
        lines += line.endswith(b"\n")
        self._ends.append(Position(offset + len(line), lines, crc32(line, crc)))
        return line

    def position_at(self, offset: int) -> Position:
        while self._ends[0].offset < offset:
            self._ends.popleft()
        return self._ends[0]
