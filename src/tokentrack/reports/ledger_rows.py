"""The rows of a ledger as transactions, with the places that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.store.paths import LedgerPaths
    from tokentrack.store.reader import Record


class LedgerRow(NamedTuple):
    """One row: its first line's number, and its transaction or what is wrong with it."""

    line: int
    transaction: TokenTransaction | None
    problem: str


def ledger_rows(paths: LedgerPaths, *, archives: bool = True) -> Iterator[LedgerRow]:
    """Yield the rows of a ledger, those of its archives first; without any file there are none.

    Args:
        paths: the ledger.
        archives: whether rotated files count too. For each that can't be read to its end there
            is a row at last with line 0, which says so.

    Raises:
        OSError: the ledger can't be read.
    """
    problems: list[str] = []
    for name, record in read_files(paths, COLUMNS, problems):
        if not archives and name != paths.ledger:
            continue
        if record.problem:
            yield LedgerRow(record.line, None, record.problem)
        else:
            yield _row(record.line, record.cells)
    for problem in problems if archives else ():
        yield LedgerRow(0, None, problem)


def read_files(
    paths: LedgerPaths, columns: Sequence[str], problems: list[str], *, usage: bool = False
) -> Iterator[tuple[str, Record]]:
    """Yield the records of a ledger and its archives, each with the name of its file.

    Args:
        paths: the ledger.
        columns: its columns.
        problems: gets a sentence for each archive that can't be read to its end; what comes
            before, and all other files, count.
        usage: whether the usage ledger is meant.

    Raises:
        OSError: the active file, or the folder, can't be read.
    """
    active = paths.usage if usage else paths.ledger
    with with_path(paths.folder, active), open_ledger_files(paths, usage=usage) as files:
        for name, file in files.items():
            try:
                with with_path(paths.folder, name):
                    for record in read_records(file, columns):
                        yield name, record
            except OSError as error:
                if name == active:
                    raise
                problems.append(sentence_of(error))


def _row(line: int, cells: list[str]) -> LedgerRow:
    try:
        return LedgerRow(line, TokenTransaction.from_csv_row(cells), "")
    except ValidationError as error:
        return LedgerRow(line, None, str(error))
