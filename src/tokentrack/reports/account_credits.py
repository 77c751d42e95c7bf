"""The account's credits as the IDE last saw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.common.timestamps import format_us, now_us
from tokentrack.kiro.account import read_account
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import ReadPass

if TYPE_CHECKING:
    from collections.abc import Mapping


def account_credits(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the account's credits, None if no database of the IDE has them.

    `used` and `limit` are decimal text, times ISO 8601. `age_seconds` is the age of the numbers:
    exact if `as_of_basis` is "value" (they are stored with their time), a minimum if it is "file"
    (the time when the IDE last saved any setting).
    """
    accounts = [read_account(path, ReadPass()) for path in KiroPaths(environ).account_databases]
    known = [account for account in accounts if account is not None]
    if not known:
        return None
    newest = max(known, key=lambda account: account.as_of)
    return {
        "used": format(newest.used, "f"),
        "limit": None if newest.limit is None else format(newest.limit, "f"),
        "resets_at": None if newest.resets_at is None else format_us(newest.resets_at),
        "as_of": format_us(newest.as_of),
        "as_of_basis": "value" if newest.is_dated else "file",
        "age_seconds": max(0, (now_us() - newest.as_of) // 1_000_000),
    }
