"""The rows of a ledger as transactions, with the places that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.models.fields import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator


class LedgerRow(NamedTuple):
    """One row: its first line's number, and its transaction or what is wrong with it."""

    line: int
    transaction: TokenTransaction | None
    problem: str


def ledger_rows(path: str) -> Iterator[LedgerRow]:
    """Yield the rows of a ledger; a file that does not exist has none.

    Raises:
        OSError: the file can't be read.
    """
    try:
        with open(path, "rb") as file:
            for record in read_records(file, COLUMNS):
                if record.problem:
                    yield LedgerRow(record.line, None, record.problem)
                else:
                    yield _row(record.line, record.cells)
    except FileNotFoundError:
        return


def _row(line: int, cells: list[str]) -> LedgerRow:
    try:
        return LedgerRow(line, TokenTransaction.from_csv_row(cells), "")
    except ValidationError as error:
        return LedgerRow(line, None, str(error))
