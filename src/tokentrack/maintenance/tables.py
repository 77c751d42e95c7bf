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
        start: where in a line a record can start, to part records that were joined.
    """

    columns: tuple[str, ...]
    problem: Callable[[Sequence[str]], str]
    encode: Callable[[list[str]], bytes]
    start: re.Pattern[str] | None

    @property
    def header(self) -> bytes:
        """The header's line."""
        return codec.encode_line(list(self.columns))


def _problem_of_transaction(cells: Sequence[str]) -> str:
    try:
        TokenTransaction.from_csv_row(cells)
    except ValidationError as error:
        return str(error)
    return ""


def _problem_of_usage(cells: Sequence[str]) -> str:
    return "" if cells[0] else "agent_execution_id must not be empty"


LEDGER = Table(
    COLUMNS,
    _problem_of_transaction,
    lambda cells: ledger_line(TokenTransaction.from_csv_row(cells)),
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?,"),
)
USAGE = Table(USAGE_COLUMNS, _problem_of_usage, codec.encode_line, None)
