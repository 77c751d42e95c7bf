"""The account's credits as the IDE last saw them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.timestamps import format_us, now_us
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.reports import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tokentrack.kiro.account import Account

_DAY = 86_400_000_000
_DAY_OF_EPOCH = calendar.day_number(1970, 1, 1)


class AccountPlan(NamedTuple):
    """What the account says of its plan; None is unknown.

    Attributes:
        credits: the credits of a billing month.
        billing_day: the day of the month on which the billing month begins.
    """

    credits: Decimal | None = None
    billing_day: int | None = None


def account_plan(environ: Mapping[str, str]) -> AccountPlan:
    """Return what the newest of the IDE's databases says of the account's plan."""
    account = _newest(environ)
    if account is None:
        return AccountPlan()
    day = None
    if account.resets_at is not None:  # a time of UTC, usually midnight
        day = calendar.civil(account.resets_at // _DAY + _DAY_OF_EPOCH)[2]
    return AccountPlan(account.limit, day)


def account_credits(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the account's credits, None if no database of the IDE has them.

    `used` and `limit` are decimal text, times ISO 8601. `age_seconds` is the age of the numbers:
    exact if `as_of_basis` is "value" (they are stored with their time), a minimum if it is "file"
    (the time when the IDE last saved any setting).
    """
    newest = _newest(environ)
    if newest is None:
        return None
    return {
        "used": format(newest.used, "f"),
        "limit": None if newest.limit is None else format(newest.limit, "f"),
        "resets_at": None if newest.resets_at is None else format_us(newest.resets_at),
        "as_of": format_us(newest.as_of),
        "as_of_basis": "value" if newest.is_dated else "file",
        "age_seconds": max(0, (now_us() - newest.as_of) // 1_000_000),
    }


def _newest(environ: Mapping[str, str]) -> Account | None:
    paths = [path for path in KiroPaths(environ).account_databases if os.path.exists(path)]
    if not paths:
        return None  # the reader is not loaded for that
    from tokentrack.kiro.account import read_account
    from tokentrack.kiro.read_pass import ReadPass

    accounts = [read_account(path, ReadPass()) for path in paths]
    known = [account for account in accounts if account is not None]
    return max(known, key=lambda account: account.as_of) if known else None
