"""Read a ledger as it is: what can't be read is reported with its line, never dropped silently.

Written by this project, a record is one physical line. Files written by others may have a byte
order mark, CRLF, quoted line feeds or more columns. A last line without its line feed is still
being written, or torn: readers leave it out, the next append deals with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# How many physical lines a record with quoted line feeds may have.
_MAX_JOINED = 200


class Record:
    """One record or damaged place: its first line's number, and its cells or what is wrong."""

    __slots__ = ("cells", "line", "problem")

    def __init__(self, line: int, cells: list[str], problem: str = "") -> None:
        """Keep a record (`problem` is "") or a damaged place (`cells` is empty)."""
        self.line = line
        self.cells = cells
        self.problem = problem


def read_records(file: BinaryIO, columns: Sequence[str]) -> Iterator[Record]:
    """Yield the records of a file in the order of `columns`, and its damaged places."""
    lines = _Lines(file)
    first = lines.next()
    if first is None:
        return
    order = _order_of(first, columns)
    if order is None:
        # No header: the first line is a record like the others.
        lines.push(first)
        order = list(range(len(columns)))
    while (line := lines.next()) is not None:
        yield _record(lines, line, order)


def has_header(file: BinaryIO, columns: Sequence[str]) -> bool:
    """Tell whether a file's first line names all columns."""
    first = _Lines(file).next()
    return first is not None and _order_of(first, columns) is not None


def _order_of(header: bytes, columns: Sequence[str]) -> list[int] | None:
    try:
        names = codec.split_line(_text(header.removeprefix(b"\xef\xbb\xbf")))
    except ValueError:
        return None
    return [names.index(column) for column in columns] if set(columns) <= set(names) else None


def _record(lines: _Lines, line: bytes, order: list[int]) -> Record:
    number = lines.number
    try:
        cells = codec.decode_line(_text(line))
    except UnicodeDecodeError as error:
        return Record(number, [], f"not UTF-8 at byte {error.start}")
    except ValueError as error:
        joined = _join(lines, line, len(order))
        if joined is None:
            return Record(number, [], str(error))
        cells = joined
    if len(cells) <= max(order):
        return Record(number, [], f"{len(cells)} columns instead of {len(order)}")
    return Record(number, [cells[index] for index in order])


def _join(lines: _Lines, line: bytes, width: int) -> list[str] | None:
    # A quoted line feed, if the lines up to the closing quote make a record of the right width.
    taken: list[bytes] = []
    text = line
    while len(taken) < _MAX_JOINED and (more := lines.next()) is not None:
        taken.append(more)
        text += b"\n" + more
        if b'"' not in more:
            continue
        try:
            cells = codec.decode_line(_text(text))
        except ValueError:
            continue
        if len(cells) >= width:
            return cells
        break
    for back in reversed(taken):
        lines.push(back)
    return None


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8")


class _Lines:
    # Whole physical lines with their numbers; some can be given back.

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pushed: list[bytes] = []
        self.number = 0

    def next(self) -> bytes | None:
        line = self._pushed.pop() if self._pushed else self._file.readline()
        if not line.endswith(b"\n"):
            return None
        self.number += 1
        return line[:-1]

    def push(self, line: bytes) -> None:
        self._pushed.append(line + b"\n")
        self.number -= 1
