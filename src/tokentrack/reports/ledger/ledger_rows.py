"""The rows of a ledger as transactions, and its damaged rows with their problems."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store.archive_names import COMPRESSED
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records
from tokentrack.store.tail import records_from_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from tokentrack.reports.ledger.filters import RecordTest
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
    for name, record in _read_files(paths, problems):
        if not archives and name != paths.ledger:
            continue
        if record.problem:
            yield LedgerRow(record.line, None, record.problem)
        else:
            yield _row(record.line, record.cells)
    for problem in problems if archives else ():
        yield LedgerRow(0, None, problem)


def last_transactions(
    paths: LedgerPaths, limit: int, test: RecordTest | None = None
) -> list[TokenTransaction]:
    """Return the last transactions of a ledger, in the order of its files.

    The files are read from their ends, and only as far as needed; a compressed one as a whole.

    Args:
        paths: the ledger.
        limit: how many at most.
        test: which of them count; by default, all.

    Raises:
        OSError: the ledger can't be read.
    """
    found: list[TokenTransaction] = []
    with with_path(paths.folder, paths.ledger), open_ledger_files(paths) as files:
        for name, file in reversed(files.items()):
            if len(found) >= limit:
                break
            try:
                found += _last_of(name, file, limit - len(found), test)
            except OSError:
                if name == paths.ledger:
                    raise
    return found[::-1]


def _last_of(
    name: str, file: BinaryIO, limit: int, test: RecordTest | None
) -> list[TokenTransaction]:
    # The last transactions of one file, the last first.
    found: deque[TokenTransaction] = deque(maxlen=limit)
    if name.endswith(COMPRESSED):
        for transaction in filter(test, _transactions(read_records(file, COLUMNS))):
            found.appendleft(transaction)
        return list(found)
    for transaction in filter(test, _transactions(records_from_end(file, COLUMNS))):
        found.append(transaction)
        if len(found) == limit:
            break
    return list(found)


def _transactions(records: Iterator[Record]) -> Iterator[TokenTransaction]:
    for record in records:
        row = None if record.problem else _row(record.line, record.cells).transaction
        if row is not None:
            yield row


def _read_files(paths: LedgerPaths, problems: list[str]) -> Iterator[tuple[str, Record]]:
    # The records of the archives and the ledger, each with the name of its file. `problems` gets
    # a sentence for each archive that can't be read to its end.
    with with_path(paths.folder, paths.ledger), open_ledger_files(paths) as files:
        for name, file in files.items():
            try:
                with with_path(paths.folder, name):
                    for record in read_records(file, COLUMNS):
                        yield name, record
            except OSError as error:
                if name == paths.ledger:
                    raise
                problems.append(sentence_of(error))


def _row(line: int, cells: list[str]) -> LedgerRow:
    try:
        return LedgerRow(line, TokenTransaction.from_csv_row(cells), "")
    except ValidationError as error:
        return LedgerRow(line, None, str(error))
