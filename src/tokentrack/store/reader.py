"""Read the records of a ledger; a line that can't be read is reported, never dropped silently.

This program writes each record as one physical line. Files written by others may have a byte
order mark, CRLF, quoted line feeds or more columns. In a live ledger a last line without its line
feed is still being written, or torn: it is not read, and the next append removes it.
"""

from __future__ import annotations

import itertools
from collections import deque

from tokentrack.common.records import NamedTuple
from tokentrack.store import codec

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

# How many physical lines after its first a record with quoted line feeds may have.
_MAX_JOINED = 200
# Bytes of a physical line; a longer one is not a record, and is not kept in memory.
MAX_LINE = 32 * 1024 * 1024


class Record:
    """One record or damaged line: the number of its first line, and its cells or its problem."""

    __slots__ = ("cells", "line", "problem")

    def __init__(self, line: int, cells: list[str], problem: str = "") -> None:
        """Make a record (`problem` is "") or a damaged line (`cells` is empty)."""
        self.line = line
        self.cells = cells
        self.problem = problem


def read_records(
    file: BinaryIO, columns: Sequence[str], *, finished: bool = False
) -> Iterator[Record]:
    """Yield the records of a file and its damaged lines, in the order of the file.

    Args:
        file: the file.
        columns: the order of the cells.
        finished: whether no process appends to the file; then a last line without its line feed
            is read too.
    """
    lines = PhysicalLines(file, finished=finished)
    first = lines.next()
    if first is None:
        return
    layout = layout_of(first, columns)
    if layout is None:
        # There is no header: the first line is a record.
        lines.push(first)
        layout = own_layout(columns)
    yield from records_in(lines, layout)


def records_in(lines: PhysicalLines, layout: Layout) -> Iterator[Record]:
    """Yield the records and the damaged lines that come next.

    When one is yielded, `lines` is at its end.
    """
    while (line := lines.next()) is not None:
        yield _record(lines, line, layout)


def has_header(file: BinaryIO, columns: Sequence[str], *, finished: bool = False) -> bool:
    """Tell whether a file's first line names all columns; see `read_records` for `finished`."""
    first = PhysicalLines(file, finished=finished).next()
    return first is not None and layout_of(first, columns) is not None


class Layout(NamedTuple):
    """The position of each column in the header, and the header's width."""

    order: list[int]
    width: int

    def arrange(self, cells: list[str]) -> list[str] | None:
        """Return the cells in the order of the columns; None where their number is wrong."""
        if len(cells) == self.width:
            return [cells[index] for index in self.order]
        # This program appends its own columns only, also below a wider header.
        return cells if len(cells) == len(self.order) else None


def own_layout(columns: Sequence[str]) -> Layout:
    """Return the layout of a file that has exactly these columns."""
    return Layout(list(range(len(columns))), len(columns))


def layout_of(header: bytes, columns: Sequence[str]) -> Layout | None:
    """Return the layout that a first line describes, None if it does not name all columns."""
    try:
        names = codec.split_line(_text(header.removeprefix(b"\xef\xbb\xbf")))
    except ValueError:
        return None
    if not set(columns) <= set(names):
        return None
    return Layout([names.index(column) for column in columns], len(names))


def _record(lines: PhysicalLines, line: bytes, layout: Layout) -> Record:
    number = lines.number
    if len(line) >= MAX_LINE:
        return Record(number, [], f"a line of {MAX_LINE:,} bytes or more")
    try:
        cells = codec.decode_line(_text(line))
    except UnicodeDecodeError as error:
        return Record(number, [], f"not UTF-8 at byte {error.start}")
    except ValueError as error:
        joined = _join(lines, line, layout)
        return Record(number, joined or [], "" if joined else str(error))
    arranged = layout.arrange(cells)
    if arranged is None:
        return Record(number, [], f"{len(cells)} columns instead of {layout.width}")
    return Record(number, arranged)


def join_quoted(
    line: bytes,
    following: Iterable[bytes],
    is_record: Callable[[bytes], bool],
    cells_of: Callable[[bytes], list[str] | None],
) -> tuple[list[str], int] | None:
    """Join the physical lines of a record that has line feeds inside quotes.

    Args:
        line: the record's first line, in which a quote is still open.
        following: the lines after it, without their line feeds; only those needed are taken.
        is_record: tells whether a line is a record of its own. Then the quote was never closed.
        cells_of: returns the cells of the joined lines, None where they are not a record. It
            raises ValueError while the quote is open.

    Returns:
        the cells and the number of physical lines, None where the lines do not make a record.
    """
    text = line
    for count, more in enumerate(itertools.islice(following, _MAX_JOINED), start=2):
        if is_record(more):
            break
        text += b"\n" + more
        if len(text) >= MAX_LINE:
            break
        if b'"' not in more:
            continue
        try:
            cells = cells_of(text)
        except ValueError:
            continue
        return None if cells is None else (cells, count)
    return None


def _join(lines: PhysicalLines, line: bytes, layout: Layout) -> list[str] | None:
    taken: list[bytes] = []

    def following() -> Iterator[bytes]:
        while (more := lines.next()) is not None:
            taken.append(more)
            yield more

    joined = join_quoted(
        line,
        following(),
        lambda more: is_record(more, layout),
        lambda text: layout.arrange(codec.decode_line(_text(text))),
    )
    if joined:
        return joined[0]
    for back in reversed(taken):
        lines.push(back)
    return None


def _begins_with_date(line: bytes) -> bool:
    # As `"?2026-11-28T` or with a space, without the 5 ms of `re`.
    text = line.removeprefix(b'"')[:11]
    is_apart = text[4:5] == text[7:8] == b"-" and text[10:] in {b"T", b" "}
    return is_apart and (text[:4] + text[5:7] + text[8:10]).isdigit()


def is_record(line: bytes, layout: Layout) -> bool:
    """Tell whether a line is a record of a ledger that no line before it can be joined with."""
    # Every version of the format begins a record with a date.
    if not _begins_with_date(line):
        return False
    try:
        return layout.arrange(codec.split_line(_text(line))) is not None
    except ValueError:
        return False


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8")


class PhysicalLines:
    """Whole physical lines; a line can be pushed back.

    Attributes:
        number: how many lines were returned.
        offset: where the next line begins, relative to the file's position at the start.
        at_end: whether the end of the file was reached.
    """

    def __init__(self, file: BinaryIO, *, finished: bool) -> None:
        self._file = file
        self._finished = finished
        self._pushed: list[tuple[bytes, int]] = []
        self._lengths: deque[int] = deque(maxlen=_MAX_JOINED + 1)
        self.number = self.offset = 0
        self.at_end = False

    @property
    def is_ahead(self) -> bool:
        """Whether lines were pushed back."""
        return bool(self._pushed)

    def next(self) -> bytes | None:
        """Return the next line without its line feed, None at the end."""
        line, length = self._pushed.pop() if self._pushed else self._read()
        if not line or not (self._finished or line.endswith(b"\n")):
            self.at_end = True
            return None
        self.number += 1
        self.offset += length
        self._lengths.append(length)
        return line.removesuffix(b"\n")

    def _read(self) -> tuple[bytes, int]:
        line = self._file.readline(MAX_LINE)
        end, length = line, len(line)
        while len(end) == MAX_LINE and not end.endswith(b"\n"):
            end = self._file.readline(MAX_LINE)
            length += len(end)
        return (line if end is line or not end.endswith(b"\n") else line + b"\n"), length

    def push(self, line: bytes) -> None:
        """Push back the line that was returned last."""
        length = self._lengths.pop()
        self._pushed.append((line + b"\n", length))
        self.number -= 1
        self.offset -= length
