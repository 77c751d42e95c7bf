"""The two kinds of file that are checked and repaired: their columns, and what a record is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.models.fields import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.rows import ledger_line
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Table(NamedTuple):
    """A kind of file.

    Attributes:
        columns: the header's names, in order.
        problem: returns what is wrong with the cells of a record, "" when nothing is.
        encode: returns the line of a record's cells.
        start: where in a line a record or header can start, to part what was joined; None where
            that can't be told.
        sound: what most lines of this program match, without their line feed: whole records in
            which nothing is wrong. A line that it does not match can be one too.
    """

    columns: tuple[str, ...]
    problem: Callable[[Sequence[str]], str]
    encode: Callable[[list[str]], bytes]
    start: re.Pattern[bytes] | None
    sound: re.Pattern[bytes]

    @property
    def header(self) -> bytes:
        """The header's line."""
        return codec.encode_line(list(self.columns))

    def is_sound(self, line: bytes) -> bool:
        """Tell whether a line, without its line feed, is such a record for sure."""
        if self.sound.fullmatch(line) is None:
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
