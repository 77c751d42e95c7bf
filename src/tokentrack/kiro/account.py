"""The account's credits as the IDE last saw them: used, the plan's limit, and when it renews.

One row of VS Code's `state.vscdb` is read. VS Code keeps secrets in the same table, so the row is
asked for by its exact key and the table is never listed.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.kiro import files, values
from tokentrack.kiro import scan as reasons
from tokentrack.kiro.sqlite import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.scan import Scan

KEY = "kiro.kiroAgent"
_QUERY = "SELECT value FROM ItemTable WHERE key = ? AND length(value) <= ?"

# In the order of preference: the one with more digits first.
_USED = ("currentUsageWithPrecision", "currentUsage", "creditsUsed", "used")
_LIMIT = ("usageLimitWithPrecision", "usageLimit", "creditsLimit", "limit")
_RESETS = ("nextDateReset", "resetDate", "resetsAt", "resetAt", "nextResetDate")
_KIND = ("resourceType", "type", "unit")
_MAX_DEPTH = 8


class Account(NamedTuple):
    """Credits of the running period.

    Attributes:
        used: credits used so far.
        limit: the plan's credits, None when it is not said.
        resets_at: when the next period begins, microseconds since the epoch, or None.
        as_of: when the file was last written, microseconds since the epoch; the numbers are at
            most that new.
    """

    used: Decimal
    limit: Decimal | None
    resets_at: int | None
    as_of: int


def read_account(path: str, scan: Scan) -> Account | None:
    """Return the account's credits from a `state.vscdb`, None when it does not have them."""
    written = [at for name in (path, f"{path}-wal") if (at := files.modified_at(name))]
    if not written:
        return None
    with open_database(path, ("ItemTable",), scan) as database:
        if database is None or not database.has("ItemTable"):
            return None
        for (value,) in database.rows(_QUERY, (KEY, files.MAX_DOCUMENT)):
            for usage in _usages(_decode(value, path, scan), 0):
                return _account(usage, max(written))
    return None


def _decode(value: Any, path: str, scan: Scan) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError, RecursionError):
        scan.skip(reasons.NOT_JSON, path)
        return None


def _usages(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    # Objects that say how many credits were used, the outer ones first.
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        if _number(value, _USED) is not None and _is_credits(value):
            yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _usages(inner, depth + 1)


def _is_credits(usage: dict[str, Any]) -> bool:
    kinds = [usage[key] for key in _KIND if isinstance(usage.get(key), str)]
    has_limit = _number(usage, _LIMIT) is not None
    return any("credit" in kind.lower() for kind in kinds) if kinds else has_limit


def _number(usage: dict[str, Any], names: tuple[str, ...]) -> Decimal | None:
    for name in names:
        value: Any = usage.get(name)
        if values.is_number(value) and value >= 0:
            return Decimal(repr(value))
    return None


def _account(usage: dict[str, Any], as_of: int) -> Account | None:
    used = _number(usage, _USED)
    resets = (values.microseconds(usage.get(name)) for name in _RESETS)
    resets_at = next((at for at in resets if at), None)
    return None if used is None else Account(used, _number(usage, _LIMIT), resets_at, as_of)
