"""The lines of a file as raw bytes, with the cells that maintenance decides by.

A `RawLine` is the first stage of a row: `store.reader` makes a `Record` of one or several of them,
and `models.TokenTransaction` checks its cells.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from tokentrack.common.timestamps import from_datetime
from tokentrack.models.columns import COLUMNS
from tokentrack.store import codec
from tokentrack.store.archives import open_in
from tokentrack.store.reader import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_TIMESTAMP = COLUMNS.index("timestamp")
_DAY_US = 24 * 3600 * 1_000_000
_BOM = b"\xef\xbb\xbf"
_FIRST_LINES = 1000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(Z|[+-]\d\d:\d\d)?")


class RawLine(NamedTuple):
    """A line with its line feed; `cells` is empty unless the line is a whole record."""

    data: bytes
    cells: list[str]
    is_header: bool = False


def read_lines(file: BinaryIO, columns: Sequence[str]) -> Iterator[RawLine]:
    """Yield the lines of a file.

    Only a whole record on one line has cells: a header, a damaged line and another format have
    none. So code that removes lines by their cells can't remove what it did not understand.
    """
    width = len(columns)
    header = list(columns)
    is_start = True
    while data := file.readline(MAX_LINE):
        # The rest of an overlong line is not a record, whatever it looks like.
        cells = _cells(data, width) if is_start else []
        is_start = data.endswith(b"\n")
        yield RawLine(data, cells) if cells != header else RawLine(data, [], is_header=True)


def record_lines(file: BinaryIO, columns: Sequence[str]) -> tuple[list[RawLine], int]:
    """Return a file's records as lines that end in LF, and how many other lines it has."""
    lines: list[RawLine] = []
    unreadable = 0
    for line in read_lines(file, columns):
        if line.cells:
            lines.append(RawLine(with_lf(line.data), line.cells))
        else:
            unreadable += not line.is_header
    return lines, unreadable


def with_lf(data: bytes) -> bytes:
    """Return a whole line with LF as its end, which may be CR LF."""
    return data[:-1].removesuffix(b"\r") + b"\n"


def first_time(folder: Directory, ledger: str) -> str:
    """Return the first valid timestamp of a ledger, "" when its first 1,000 lines have none.

    Raises:
        OSError: the ledger can't be read.
    """
    with open_in(folder, ledger) as file:
        for line in islice(read_lines(file, COLUMNS), _FIRST_LINES):
            if line.cells and earliest_and_latest(line.cells[_TIMESTAMP]):
                return line.cells[_TIMESTAMP]
    return ""


def has_records(folder: Directory, paths: LedgerPaths) -> bool:
    """Tell whether the ledger has anything below its header.

    Raises:
        OSError: the ledger can't be read.
    """
    if not folder.has(paths.ledger):
        return False
    with open_in(folder, paths.ledger) as file:
        return any(not line.is_header for line in read_lines(file, COLUMNS))


def _cells(data: bytes, width: int) -> list[str]:
    if not data.endswith(b"\n"):
        return []
    try:
        cells = codec.decode_line(data[:-1].removesuffix(b"\r").removeprefix(_BOM).decode("utf-8"))
    except ValueError:
        return []
    return cells if len(cells) == width else []


def earliest_and_latest(text: str) -> tuple[int, int] | None:
    """Return between which times a timestamp lies, in microseconds since the epoch.

    A time with a zone is exact. The zone of one without is unknown, so it may be up to a day
    earlier or later than it reads. Returns None for an invalid timestamp.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        at = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
    margin = 0 if found[1] else _DAY_US
    return at - margin, at + margin
