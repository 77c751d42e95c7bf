"""Totals of a ledger by one streaming pass over its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.errors import ValidationError
from tokentrack.models.fields import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, USAGE_COLUMNS
from tokentrack.store.reader import read_records
from tokentrack.timestamps import format_us, now_us

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.store.place import Place
    from tokentrack.store.reader import Record

_DAY_US = 24 * 3600 * 1_000_000
_MAX_DAMAGED = 100


class _Totals:
    def __init__(self, since: int) -> None:
        self.rows = self.tokens = self.errors = self.day_rows = self.day_tokens = 0
        self.first: int | None = None
        self.last: int | None = None
        self._since = since

    def add(self, transaction: TokenTransaction) -> None:
        at = transaction.timestamp_us
        self.rows += 1
        self.tokens += transaction.tokens_used
        self.errors += transaction.error_occurred
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        if at >= self._since:
            self.day_rows += 1
            self.day_tokens += transaction.tokens_used


def summarise_ledger(place: Place) -> dict[str, Any]:
    """Return size, rows, tokens, times and shares of a ledger, and its damaged places.

    `problem` is "" unless the ledger can't be read; times are ISO 8601 or None; `basis` counts
    the rows by what their token numbers are, and `estimated_share` is the share of rows whose
    number is an estimate, None without rows.
    """
    totals = _Totals(now_us() - _DAY_US)
    damaged: list[dict[str, Any]] = []
    problem = ""
    bases = _bases(place)
    counts = dict.fromkeys((REPORTED, ESTIMATED, UNKNOWN), 0)
    try:
        for record in _records(place.path, COLUMNS):
            transaction = _transaction(record, damaged)
            if transaction is not None:
                totals.add(transaction)
                counts[bases.get(transaction.agent_execution_id, UNKNOWN)] += 1
    except OSError as error:
        problem = f"the ledger {place.path} can't be read: {error.strerror}"
    return {
        "exists": os.path.exists(place.path),
        "bytes": _size(place.path),
        "rows": totals.rows,
        "tokens": totals.tokens,
        "errors": totals.errors,
        "first": None if totals.first is None else format_us(totals.first),
        "last": None if totals.last is None else format_us(totals.last),
        "last_24_hours": {"rows": totals.day_rows, "tokens": totals.day_tokens},
        "basis": counts,
        "estimated_share": counts[ESTIMATED] / totals.rows if totals.rows else None,
        "damaged": damaged,
        "problem": problem,
    }


def _records(path: str, columns: tuple[str, ...]) -> Iterator[Record]:
    try:
        with open(path, "rb") as file:
            yield from read_records(file, columns)
    except FileNotFoundError:
        return


def _transaction(record: Record, damaged: list[dict[str, Any]]) -> TokenTransaction | None:
    problem = record.problem
    if not problem:
        try:
            return TokenTransaction.from_csv_row(record.cells)
        except ValidationError as error:
            problem = str(error)
    if len(damaged) < _MAX_DAMAGED:
        damaged.append({"line": record.line, "problem": problem})
    return None


def _bases(place: Place) -> dict[str, str]:
    # A later row of the same execution supersedes the earlier one.
    column = USAGE_COLUMNS.index("token_basis")
    known = {REPORTED, ESTIMATED, UNKNOWN}
    return {
        record.cells[0]: record.cells[column]
        for record in _records(os.path.join(place.folder, place.usage), USAGE_COLUMNS)
        if not record.problem and record.cells[column] in known
    }


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
