"""Totals of a ledger by one streaming pass over its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.errors import ValidationError
from tokentrack.faults import sentence_of
from tokentrack.ledger_rows import read_files
from tokentrack.models.fields import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, USAGE_COLUMNS
from tokentrack.timestamps import format_us, now_us

if TYPE_CHECKING:
    from tokentrack.store.place import Place
    from tokentrack.store.reader import Record

_DAY_US = 24 * 3600 * 1_000_000
_MAX_DAMAGED = 100


class _Totals:
    def __init__(self, since: int) -> None:
        self.rows = self.tokens = self.errors = self.day_rows = self.day_tokens = 0
        self.timed = 0
        self.seconds = 0.0
        self.first: int | None = None
        self.last: int | None = None
        self._since = since

    def add(self, transaction: TokenTransaction) -> None:
        at = transaction.timestamp_us
        self.rows += 1
        self.tokens += transaction.tokens_used
        self.errors += transaction.error_occurred
        if transaction.elapsed_time is not None:
            self.timed += 1
            self.seconds += transaction.elapsed_time
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        if at >= self._since:
            self.day_rows += 1
            self.day_tokens += transaction.tokens_used


def summarise_ledger(place: Place) -> dict[str, Any]:
    """Return size, rows, tokens, times and shares of a ledger with its archives, and its damage.

    `problem` is "" unless a file can't be read to its end, which it names; all that can be read
    counts. Times are ISO 8601 or None; `basis` counts
    the rows by what their token numbers are, and `estimated_share` is the share of rows whose
    number is an estimate, None without rows. `elapsed_seconds` is the sum of the `timed_rows`,
    those that have a time, None without any.
    """
    totals = _Totals(now_us() - _DAY_US)
    damaged: list[dict[str, Any]] = []
    problems: list[str] = []
    counts = dict.fromkeys((REPORTED, ESTIMATED, UNKNOWN), 0)
    try:
        bases = token_bases(place, problems)
        for name, record in read_files(place, COLUMNS, problems):
            transaction = _transaction(name, record, damaged)
            if transaction is not None:
                totals.add(transaction)
                counts[bases.get(transaction.agent_execution_id, UNKNOWN)] += 1
    except OSError as error:
        problems.append(f"the ledger can't be read: {sentence_of(error)}")
    return {
        "exists": os.path.exists(place.path),
        "bytes": _size(place.path),
        "rows": totals.rows,
        "tokens": totals.tokens,
        "errors": totals.errors,
        "timed_rows": totals.timed,
        "elapsed_seconds": totals.seconds if totals.timed else None,
        "first": None if totals.first is None else format_us(totals.first),
        "last": None if totals.last is None else format_us(totals.last),
        "last_24_hours": {"rows": totals.day_rows, "tokens": totals.day_tokens},
        "basis": counts,
        "estimated_share": counts[ESTIMATED] / totals.rows if totals.rows else None,
        "damaged": damaged,
        "problem": "; ".join(problems),
    }


def _transaction(
    name: str, record: Record, damaged: list[dict[str, Any]]
) -> TokenTransaction | None:
    problem = record.problem
    if not problem:
        try:
            return TokenTransaction.from_csv_row(record.cells)
        except ValidationError as error:
            problem = str(error)
    if len(damaged) < _MAX_DAMAGED:
        damaged.append({"file": name, "line": record.line, "problem": problem})
    return None


def token_bases(place: Place, problems: list[str] | None = None) -> dict[str, str]:
    """Return by execution id what its token number is: reported, estimated or unknown.

    A later row of the same execution supersedes the earlier one. `problems` gets a sentence for
    each archive that can't be read to its end.

    Raises:
        OSError: the usage ledger can't be read.
    """
    column = USAGE_COLUMNS.index("token_basis")
    known = {REPORTED, ESTIMATED, UNKNOWN}
    found = [] if problems is None else problems
    return {
        record.cells[0]: record.cells[column]
        for _, record in read_files(place, USAGE_COLUMNS, found, usage=True)
        if not record.problem and record.cells[column] in known
    }


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
