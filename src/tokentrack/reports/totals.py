"""Totals of a ledger by one streaming pass over its files."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.common.oserrors import sentence_of
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import ValidationError
from tokentrack.kiro.account import Account, read_account
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import ReadPass
from tokentrack.kiro.values import stored_credits
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, USAGE_COLUMNS
from tokentrack.reports.ledger_rows import read_files
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.paths import rescue_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.paths import LedgerPaths
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


def summarise_ledger(paths: LedgerPaths) -> dict[str, Any]:
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
        for _, record in read_files(paths, USAGE_COLUMNS, found, usage=True)
        if not record.problem and record.cells[column] in known
    }


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


_CREDITS = USAGE_COLUMNS.index("credits")


def credit_totals(paths: LedgerPaths) -> dict[str, Any]:
    """Return the sum of the credits that Kiro reported, and of how many executions.

    `total` is exact decimal text, None without any. A later row of an execution supersedes the
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


def account_view(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the account's credits as the IDE last saw them, None where it says nothing.

    `used` and `limit` are decimal text, times ISO 8601. `age_seconds` is how old the numbers are:
    at least, where `as_of_basis` is "file" (when the IDE last saved any of its settings), and
    exactly where it is "value" (a time beside the numbers).
    """
    accounts = [read_account(path, ReadPass()) for path in KiroPaths(environ).account_databases]
    known = [account for account in accounts if account is not None]
    if not known:
        return None
    return _shown(max(known, key=lambda account: account.as_of))


def _shown(account: Account) -> dict[str, Any]:
    return {
        "used": format(account.used, "f"),
        "limit": None if account.limit is None else format(account.limit, "f"),
        "resets_at": None if account.resets_at is None else format_us(account.resets_at),
        "as_of": format_us(account.as_of),
        "as_of_basis": "value" if account.is_dated else "file",
        "age_seconds": max(0, (now_us() - account.as_of) // 1_000_000),
    }


def ledger_statistics(paths: LedgerPaths, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the totals of a ledger by the names of the Python API, as JSON values."""
    ledger = summarise_ledger(paths)
    rows, timed = ledger["rows"], ledger["timed_rows"]
    return {
        "transactions_recorded": rows,
        "total_tokens_tracked": ledger["tokens"],
        "average_tokens_per_transaction": ledger["tokens"] / rows if rows else None,
        "token_basis": ledger["basis"],
        "total_elapsed_time": ledger["elapsed_seconds"],
        "average_elapsed_time": ledger["elapsed_seconds"] / timed if timed else None,
        "transactions_with_errors": ledger["errors"],
        "error_rate": ledger["errors"] / rows if rows else None,
        "first_transaction": ledger["first"],
        "last_transaction": ledger["last"],
        "damaged_rows": len(ledger["damaged"]),
        "waiting_in_spool": _waiting(paths, environ),
        "csv_file_path": paths.path,
        "csv_file_size_bytes": ledger["bytes"],
        "problem": ledger["problem"],
    }


def _waiting(paths: LedgerPaths, environ: Mapping[str, str]) -> int:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            waiting = len(spool.waiting(state))
    except OSError:
        waiting = 0
    try:
        with Directory.open(rescue_folder(paths, environ)) as rescued:
            return waiting + len(spool.waiting(rescued))
    except OSError:
        return waiting
