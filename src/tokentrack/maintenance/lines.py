"""The records of a file as its own bytes, with the cells that maintenance decides by."""

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
_FIRST_ROWS = 1000


class Row(NamedTuple):
    """A physical line with its line feed; `cells` is empty where it is no whole record."""

    line: bytes
    cells: list[str]
    is_header: bool = False


def read_rows(file: BinaryIO, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the lines of a file; a header, a damaged line and a foreign form have no cells.

    Only what is one whole record on one line is recognised. Whoever removes lines by their cells
    can't remove what it did not understand.
    """
    width = len(columns)
    header = list(columns)
    is_start = True
    while line := file.readline(MAX_LINE):
        # The rest of a line that no record can be as long as is none, whatever it looks like.
        cells = _cells(line, width) if is_start else []
        is_start = line.endswith(b"\n")
        yield Row(line, cells) if cells != header else Row(line, [], is_header=True)


def record_lines(file: BinaryIO, columns: Sequence[str]) -> tuple[list[Row], int]:
    """Return a file's records as lines that end in a line feed alone, and how many are none."""
    rows: list[Row] = []
    unreadable = 0
    for row in read_rows(file, columns):
        if row.cells:
            rows.append(Row(row.line[:-1].removesuffix(b"\r") + b"\n", row.cells))
        else:
            unreadable += not row.is_header
    return rows, unreadable


def first_time(folder: Directory, ledger: str) -> str:
    """Return the first timestamp of a ledger that can be read, "" when its first rows have none.

    Raises:
        OSError: the ledger can't be read.
    """
    with open_in(folder, ledger) as file:
        for row in islice(read_rows(file, COLUMNS), _FIRST_ROWS):
            if row.cells and earliest_and_latest(row.cells[_TIMESTAMP]):
                return row.cells[_TIMESTAMP]
    return ""


def has_records(folder: Directory, paths: LedgerPaths) -> bool:
    """Tell whether the ledger has anything below its header.

    Raises:
        OSError: the ledger can't be read.
    """
    if not folder.has(paths.ledger):
        return False
    with open_in(folder, paths.ledger) as file:
        return any(not row.is_header for row in read_rows(file, COLUMNS))


def _cells(line: bytes, width: int) -> list[str]:
    if not line.endswith(b"\n"):
        return []
    try:
        cells = codec.decode_line(line[:-1].removesuffix(b"\r").removeprefix(_BOM).decode("utf-8"))
    except ValueError:
        return []
    return cells if len(cells) == width else []


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(Z|[+-]\d\d:\d\d)?")


def earliest_and_latest(text: str) -> tuple[int, int] | None:
    """Return between which times a timestamp lies, in microseconds since the epoch.

    A time with a zone is exact. One without is local time of an unknown place, so it may be a day
    earlier or later than it reads. None is no timestamp.
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
