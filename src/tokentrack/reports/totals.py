"""Totals of a ledger and of its usage ledger, by streaming passes over their files."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.common.oserrors import sentence_of
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import ValidationError
from tokentrack.kiro.values import stored_credits
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, USAGE_COLUMNS
from tokentrack.reports.ledger_rows import read_files

if TYPE_CHECKING:
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.store.reader import Record

_DAY_US = 24 * 3600 * 1_000_000
_MAX_DAMAGED = 100
_TOKEN_BASIS = USAGE_COLUMNS.index("token_basis")
_CREDITS = USAGE_COLUMNS.index("credits")


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


def summarise_ledger(paths: LedgerPaths) -> dict[str, Any]:
    """Return size, rows, tokens, times and shares of a ledger with its archives, and its damage.

    Times are ISO 8601 or None. `basis` counts the rows by the basis of their tokens, and
    `estimated_share` is the share of the estimates, None without rows. `elapsed_seconds` is the
    sum over the `timed_rows`, those with an elapsed time, None without any. `problem` names each
    file that can't be read to its end, and is "" without one; all readable rows are counted.
    """
    totals = _Totals(now_us() - _DAY_US)
    damaged: list[dict[str, Any]] = []
    problems: list[str] = []
    counts = dict.fromkeys((REPORTED, ESTIMATED, UNKNOWN), 0)
    try:
        bases = token_bases(paths, problems)
        for name, record in read_files(paths, COLUMNS, problems):
            transaction = _transaction(name, record, damaged)
            if transaction is not None:
                totals.add(transaction)
                counts[bases.get(transaction.agent_execution_id, UNKNOWN)] += 1
    except OSError as error:
        problems.append(f"the ledger can't be read: {sentence_of(error)}")
    return {
        "exists": os.path.exists(paths.path),
        "bytes": _size(paths.path),
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


def token_bases(paths: LedgerPaths, problems: list[str] | None = None) -> dict[str, str]:
    """Return the basis of the tokens by execution id: reported, estimated or unknown.

    A later row of an execution supersedes an earlier one. `problems` gets a sentence for each
    archive that can't be read to its end.

    Raises:
        OSError: the usage ledger can't be read.
    """
    known = {REPORTED, ESTIMATED, UNKNOWN}
    found = [] if problems is None else problems
    return {
        record.cells[0]: record.cells[_TOKEN_BASIS]
        for _, record in read_files(paths, USAGE_COLUMNS, found, usage=True)
        if not record.problem and record.cells[_TOKEN_BASIS] in known
    }


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def credit_totals(paths: LedgerPaths) -> dict[str, Any]:
    """Return the sum of the credits that Kiro reported, and the number of its executions.

    `total` is exact decimal text, None without any. A later row of an execution supersedes an
    earlier one.

    Raises:
        OSError: the usage ledger can't be read.
    """
    known: dict[str, Decimal] = {}
    for _, record in read_files(paths, USAGE_COLUMNS, [], usage=True):
        amount = None if record.problem else stored_credits(record.cells[_CREDITS])
        if amount is not None:
            known[record.cells[0]] = amount
    total = sum(known.values(), Decimal(0))
    return {"total": format(total, "f") if known else None, "rows": len(known)}
