"""How a file writes its records (separator, order of the columns, line ends), and what they are."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.rows import ledger_line
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


class Dialect(NamedTuple):
    """How records are written.

    Attributes:
        separator: the character between two cells.
        order: for each of the table's columns, the position of its cell.
        width: the number of cells in a record.
    """

    separator: str
    order: tuple[int, ...]
    width: int

    @property
    def is_own(self) -> bool:
        """Whether records are as this program writes them, perhaps with more columns at the end."""
        return self.separator == "," and self.order == tuple(range(len(self.order)))

    def fit(self, cells: Sequence[str]) -> list[str] | None:
        """Return the cells in the table's order, None when there are too few."""
        if len(cells) <= max(self.order):
            return None
        return [cells[index] for index in self.order]


def as_lines(data: bytes, columns: Sequence[str]) -> tuple[bytes, str]:
    """Return a file as lines of UTF-8 that end in LF, and what had to be changed for that.

    Only what a spreadsheet does to a whole file is undone. The text is "" for all other files.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
        if of_header(text.partition("\n")[0].rstrip("\r"), columns) is not None:
            return text.encode("utf-8"), "UTF-16 text: saved by a spreadsheet"
    if b"\r" in data and b"\n" not in data:
        return data.replace(b"\r", b"\n"), "CR-only line endings: saved by a spreadsheet"
    return data, ""


def own(columns: Sequence[str]) -> Dialect:
    """Return the dialect of this program."""
    return Dialect(",", tuple(range(len(columns))), len(columns))


def of_record(text: str, columns: Sequence[str]) -> Dialect:
    """Return the dialect of a record without a header above it."""
    form = own(columns)
    wanted = len(columns) - 1
    counts = {separator: text.count(separator) for separator in SEPARATORS}
    return form._replace(separator=next((s for s in counts if counts[s] >= wanted), ","))


def of_header(text: str, columns: Sequence[str]) -> Dialect | None:
    """Return the dialect of a header, None when the line is not a header."""
    if columns[0] not in text:
        return None
    for separator in SEPARATORS:
        try:
            names = split(text, separator)
        except ValueError:
            continue
        if set(columns) <= set(names):
            return Dialect(separator, tuple([names.index(name) for name in columns]), len(names))
    return None


def split(text: str, separator: str) -> list[str]:
    """Return the cells of a record.

    Raises:
        ValueError: a quote is not closed, or is where none can be.
    """
    if separator == ",":
        return codec.decode_line(text)
    try:
        rows = list(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return [codec.unescape(cell) for cell in rows[0]] if rows else []


class Table(NamedTuple):
    """A kind of file.

    Attributes:
        columns: the names in the header, in order.
        problem: returns the problem of a record's cells, "" for a valid record.
        encode: returns the line of a record's cells.
        start: matches where in a line a record or header can start, to split joined lines; None
            where that can't be told.
        valid: matches most lines of this program, without their line feed: whole, valid records. A
            line that it does not match can be valid too.
    """

    columns: tuple[str, ...]
    problem: Callable[[Sequence[str]], str]
    encode: Callable[[list[str]], bytes]
    start: re.Pattern[bytes] | None
    valid: re.Pattern[bytes]

    @property
    def header(self) -> bytes:
        """The header's line."""
        return codec.encode_line(list(self.columns))

    def is_valid(self, line: bytes) -> bool:
        """Tell whether a line, without its line feed, is certainly a valid record."""
        if self.valid.fullmatch(line) is None:
            return False
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True


def _problem_of_transaction(cells: Sequence[str]) -> str:
    try:
        TokenTransaction.from_csv_row(cells)
    except ValidationError as error:
        return str(error)
    return ""


def _problem_of_usage(cells: Sequence[str]) -> str:
    return "" if cells[0] else "agent_execution_id must not be empty"


# A cell, quoted or not.
_CELL = rb'(?:"[^"\r\0]*+(?:""[^"\r\0]*+)*+"|[^",\r\0]*+)'
_DATE = (
    rb"[12]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    rb"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_CELLS = {
    "timestamp": _DATE + rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.(?:\d{3}|\d{6})Z",
    "tokens_used": rb"\d{1,18}",
    "elapsed_time": rb"(?:\d{1,15}(?:\.\d{1,20})?)?",
    "agent_execution_id": rb'[^",\r\0]+',
    "file_patterns": rb'(?:[^",;\r\0]+(?:;[^",;\r\0]+)*+)?',
    "error_occurred": rb'(?:true|false|"false")',
}

LEDGER = Table(
    COLUMNS,
    _problem_of_transaction,
    lambda cells: ledger_line(TokenTransaction.from_csv_row(cells)),
    re.compile(
        ",".join(COLUMNS).encode()
        + rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?,"
    ),
    re.compile(b",".join([_CELLS.get(name, _CELL) for name in COLUMNS])),
)
USAGE = Table(
    USAGE_COLUMNS,
    _problem_of_usage,
    codec.encode_line,
    None,
    re.compile(rb"(?!agent_execution_id,)[\w.:-]+(?:,%b){%d}" % (_CELL, len(USAGE_COLUMNS) - 1)),
)
