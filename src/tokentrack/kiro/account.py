"""The account's credits as the IDE last saved them: used, the plan's limit, and when it renews.

One row of VS Code's `state.vscdb` is read. VS Code keeps secrets in the same table, so the row is
selected by its exact key and the table is never listed.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.kiro import kiro_files, read_pass, values
from tokentrack.kiro.sqlite import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.read_pass import ReadPass

KEY = "kiro.kiroAgent"
_QUERY = "SELECT value FROM ItemTable WHERE key = ? AND length(value) <= ?"

# In order of preference: the one with more digits first.
_USED = ("currentUsageWithPrecision", "currentUsage", "creditsUsed", "used")
_LIMIT = ("usageLimitWithPrecision", "usageLimit", "creditsLimit", "limit")
_RESETS = ("nextDateReset", "resetDate", "resetsAt", "resetAt", "nextResetDate")
_KIND = ("resourceType", "type", "unit")
_AS_OF = ("asOf", "fetchedAt", "lastFetched", "lastFetchedAt", "updatedAt", "lastUpdated",
          "lastUpdatedAt", "timestamp")  # fmt: skip
_MOST_CREDITS = 10**12
_BUSY_SECONDS = 0.1  # `status` should not wait for numbers that may be old anyway
_MAX_DEPTH = 8


class Account(NamedTuple):
    """Credits of the current billing period.

    Attributes:
        used: credits used so far.
        limit: the plan's credits, None if unknown.
        resets_at: when the next period begins, microseconds since the epoch, or None.
        as_of: the time of the numbers, microseconds since the epoch.
        is_dated: whether `as_of` was saved with the numbers. Otherwise it is when the file was
            last written. The numbers may be older, since the IDE saves other settings there too.
    """

    used: Decimal
    limit: Decimal | None
    resets_at: int | None
    as_of: int
    is_dated: bool = False


def read_account(path: str, reading: ReadPass) -> Account | None:
    """Return the account's credits from a `state.vscdb`, None if it has none."""
    written = [at for name in (path, f"{path}-wal") if (at := kiro_files.modified_at(name))]
    if not written:
        return None
    with open_database(path, ("ItemTable",), reading, _BUSY_SECONDS) as database:
        if database is None or not database.has("ItemTable"):
            return None
        for (value,) in database.rows(_QUERY, (KEY, kiro_files.MAX_DOCUMENT)):
            for usage, dated in _usages(_decode(value, path, reading), None, 0):
                return _account(usage, dated, max(written))
    return None


def _decode(value: Any, path: str, reading: ReadPass) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError, RecursionError):
        reading.skip(read_pass.NOT_JSON, path)
        return None


def _usages(
    value: Any, dated: int | None, depth: int
) -> Iterator[tuple[dict[str, Any], int | None]]:
    # Objects with a number of used credits, the outer ones first, and the time of each.
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        dated = _first_time(value, _AS_OF) or dated
        if _number(value, _USED) is not None and _is_credits(value):
            yield value, dated
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _usages(inner, dated, depth + 1)


def _first_time(value: dict[str, Any], names: tuple[str, ...]) -> int | None:
    times = (values.microseconds(value.get(name)) for name in names)
    return next((at for at in times if at), None)


def _is_credits(usage: dict[str, Any]) -> bool:
    kinds = [usage[key] for key in _KIND if isinstance(usage.get(key), str)]
    has_limit = _number(usage, _LIMIT) is not None
    return any("credit" in kind.lower() for kind in kinds) if kinds else has_limit


def _number(usage: dict[str, Any], names: tuple[str, ...]) -> Decimal | None:
    for name in names:
        value: Any = usage.get(name)
        if values.is_number(value) and 0 <= value <= _MOST_CREDITS:
            return Decimal(repr(value))
    return None


def _account(usage: dict[str, Any], dated: int | None, saved: int) -> Account | None:
    used = _number(usage, _USED)
    if used is None:
        return None
    # A time after the file was written can't be right.
    known = dated if dated is not None and dated <= saved else None
    limit, resets_at = _number(usage, _LIMIT), _first_time(usage, _RESETS)
    return Account(used, limit, resets_at, saved if known is None else known, known is not None)
