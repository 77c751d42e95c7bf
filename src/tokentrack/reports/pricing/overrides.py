"""The user's own prices: a JSON file, refused as a whole if any part of it is invalid."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tokentrack.common import timestamps
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.reports.pricing.price import PER_TOKENS, Price, PriceHistory

_CACHED_SHARE = Decimal("0.1")
_MAX_FILE = 1024 * 1024
_MAX_PRICE = 1_000_000
_ALWAYS = -(2**62)


def read_overrides(path: str | os.PathLike[str]) -> dict[str, Price | PriceHistory]:
    """Return a file's prices by model.

    Raises:
        FileSystemError: the file can't be read.
        ValidationError: with every problem of the file.
    """
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        content = json.loads(data.decode("utf-8-sig")) if len(data) <= _MAX_FILE else None
    except (ValueError, RecursionError) as error:
        raise ValidationError([f"{name} is not JSON: {error}"]) from None
    if not isinstance(content, dict) or not isinstance(content.get("models"), dict):
        raise ValidationError([f"{name} must be an object with `models`, of at most 1 MiB"])
    return _checked(name, content)


def _checked(name: str, content: dict[str, Any]) -> dict[str, Price | PriceHistory]:
    issues: list[str] = []
    unit = content.get("per_tokens", PER_TOKENS)
    if unit not in (1000, 1_000_000):
        issues.append(f"{name}: per_tokens must be 1000 or 1000000, not {unit!r}")
    found: dict[str, Price | PriceHistory] = {}
    for model, entry in content["models"].items():
        wrong = _issues_of_history(entry) if isinstance(entry, list) else _issues_of(entry)
        issues += [f"{name}: {model}: {issue}" for issue in wrong]
        if wrong or issues:
            continue
        factor = Decimal(PER_TOKENS) / int(unit)
        if isinstance(entry, list):
            steps = [(_since(step), _override(step, content, name, factor)) for step in entry]
            found[model] = PriceHistory(tuple(steps))
        else:
            found[model] = _override(entry, content, name, factor)
    if issues:
        raise ValidationError(issues)
    return found


def _issues_of_history(entries: list[Any]) -> list[str]:
    issues = [issue for entry in entries for issue in _issues_of(entry)]
    if not entries:
        issues.append("must have at least one price")
    if issues:
        return issues
    try:
        times = [_since(entry) for entry in entries]
    except (ValueError, TypeError):
        return ["`from` must be a date such as 2026-06-01"]
    if sorted(set(times)) != times:
        return ["the dates of `from` must rise; only the first price may have none"]
    return []


def _since(entry: dict[str, Any]) -> int:
    if "from" not in entry:
        return _ALWAYS
    day = datetime.strptime(entry["from"], "%Y-%m-%d").replace(tzinfo=UTC)
    return timestamps.from_datetime(day)


def _issues_of(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["must be an object with `input` and `output`, or a list of them"]
    wanted = ["input", "output", *(["cached"] if "cached" in entry else [])]
    return [
        f"{key} must be a price in USD from 0 to 1000000, not {entry.get(key)!r}"
        for key in wanted
        if not _is_price(entry.get(key))
    ]


def _is_price(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= _MAX_PRICE


def _override(entry: dict[str, Any], content: dict[str, Any], name: str, factor: Decimal) -> Price:
    rate = Decimal(str(entry["input"])) * factor
    cached = Decimal(str(entry["cached"])) * factor if "cached" in entry else rate * _CACHED_SHARE
    source = entry.get("source") or content.get("source") or name
    as_of = entry.get("as_of") or content.get("as_of") or "date unknown"
    return Price(rate, Decimal(str(entry["output"])) * factor, cached, str(source), str(as_of))


def unreadable(path: str | os.PathLike[str], error: OSError) -> FileSystemError:
    """Return the error for a file of prices that can't be read."""
    return FileSystemError(f"the prices in {os.fspath(path)} can't be read: {error.strerror}")
