"""Credits: what a ledger's executions cost as far as Kiro says, and the account's own view."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.kiro.account import Account, read_account
from tokentrack.kiro.homes import Homes
from tokentrack.kiro.scan import Scan
from tokentrack.kiro.values import stored_credits
from tokentrack.ledger_rows import read_files
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.timestamps import format_us, now_us

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.place import Place

_CREDITS = USAGE_COLUMNS.index("credits")


def credit_totals(place: Place) -> dict[str, Any]:
    """Return the sum of the credits that Kiro reported, and of how many executions.

    `total` is exact decimal text, None without any. A later row of an execution supersedes the
    earlier one.

    Raises:
        OSError: the usage ledger can't be read.
    """
    known: dict[str, Decimal] = {}
    for _, record in read_files(place, USAGE_COLUMNS, [], usage=True):
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
    accounts = [read_account(path, Scan()) for path in Homes(environ).account_databases]
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
