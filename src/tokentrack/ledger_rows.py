"""The rows of a ledger as transactions, with the places that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.models.fields import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.store.place import Place


class LedgerRow(NamedTuple):
    """One row: its first line's number, and its transaction or what is wrong with it."""

    line: int
    transaction: TokenTransaction | None
    problem: str


def ledger_rows(place: Place, *, archives: bool = True) -> Iterator[LedgerRow]:
    """Yield the rows of a ledger, those of its archives first; without any file there are none.

    Args:
        place: the ledger.
        archives: whether rotated files count too.

    Raises:
        OSError: a file can't be read.
    """
    with open_ledger_files(place) as files:
        for name, file in files.items():
            if not archives and name != place.ledger:
                continue
            for record in read_records(file, COLUMNS):
                if record.problem:
                    yield LedgerRow(record.line, None, record.problem)
                else:
                    yield _row(record.line, record.cells)


def _row(line: int, cells: list[str]) -> LedgerRow:
    try:
        return LedgerRow(line, TokenTransaction.from_csv_row(cells), "")
    except ValidationError as error:
        return LedgerRow(line, None, str(error))
