"""The rows of a ledger as transactions, and its damaged rows with their problems."""

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
    """One row: the number of its first line, and its transaction or its problem."""

    line: int
    transaction: TokenTransaction | None
    problem: str


def ledger_rows(paths: LedgerPaths, *, archives: bool = True) -> Iterator[LedgerRow]:
    """Yield the rows of a ledger, those of its archives first; a missing ledger has none.

    Args:
        paths: the ledger.
        archives: whether to read the archives. Each that can't be read to its end has a row with
            line 0 at the end, with the problem.

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
        problems: gets a sentence for each archive that can't be read to its end; its readable
            part and all other files are read.
        usage: whether to read the usage ledger.

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
