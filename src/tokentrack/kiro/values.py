"""Single values of Kiro's JSON: which are valid, and what each becomes."""

from __future__ import annotations

from tokentrack.kiro.turn import ABORTED, ERROR, SUCCESS
from tokentrack.models.columns import as_count

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from typing import Any

_MAX_CREDITS = 1_000_000_000
_MAX_PLACES = 400  # more than any JSON number needs; 1e-999999 would be a megabyte of zeros
_MAX_PERCENT = 10_000
_MAX_DEPTH = 16
_LAST_US = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z
_SECONDS, _MILLISECONDS = 1_000_000, 1_000

_ENDINGS = (
    (ABORTED, ("abort", "cancel", "interrupt")),
    (ERROR, ("error", "fail", "exception", "denied", "incomplete")),
    (SUCCESS, ("succe", "complete", "endturn", "end_turn", "turnend", "turn_end")),
)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one if the value is anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a JSON list, or an empty list if the value is anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a text, or "" if the value is anything else."""
    return value if isinstance(value, str) else ""


def tokens(value: Any) -> int | None:
    """Return a count of tokens above 0, or None; Kiro writes 0 or null where it does not know."""
    return as_count(value) or None


def count(value: Any) -> int | None:
    """Return a whole number of 0 or more, or None."""
    return as_count(value)


def percent(value: Any) -> float | None:
    """Return how full a context was, or None; 0 means that Kiro has not counted yet."""
    return float(value) if is_number(value) and 0 < value <= _MAX_PERCENT else None


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number; true and false are not numbers."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value - value == 0


def credit_sum(entries: Any, key: str) -> tuple[str | None, int]:
    """Return the sum of `key` over a list's entries, and how many entries were refused.

    The sum is exact decimal text, or None if no entry has a number. Entries whose unit is not
    credits, or whose value is null, are left out; an entry without a unit is included. A value
    that is not a finite number of 0 or more is refused.
    """
    found, refused = [], 0
    for entry in objects(entries):
        value = entry.get(key)
        unit = entry.get("unit")
        if value is None or not (unit is None or text(unit).lower().startswith("credit")):
            continue
        if is_number(value) and 0 <= value <= _MAX_CREDITS:
            found.append(value)
        else:
            refused += 1
    return (exact_sum(found) if found else None), refused


def stored_credits(cell: str) -> Decimal | None:
    """Return the credits in a usage row's cell, None if `credit_sum` can't have written it."""
    from decimal import Decimal, InvalidOperation

    try:
        amount = Decimal(cell)
    except InvalidOperation:
        return None
    is_valid = amount.is_finite() and 0 <= amount <= _MAX_CREDITS
    return amount if is_valid and amount.adjusted() > -_MAX_PLACES else None


def exact_sum(numbers: Iterable[float]) -> str:
    """Add numbers as the decimal fractions that they were written as.

    `decimal` does the same, but its import takes 2.5 of the 5 ms a hook has to read a turn.
    """
    parts = [_decimal_parts(number) for number in numbers]
    places = max(places for _, places in parts)
    total = sum(digits * 10 ** (places - own) for digits, own in parts)
    if places <= 0:
        return str(total * 10**-places)
    digits = str(total).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")


def _decimal_parts(number: float) -> tuple[int, int]:
    # The number is digits / 10 ** places. repr() gives back the text that was in the JSON.
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    return int(whole + fraction), len(fraction) - int(exponent or 0)


def microseconds(value: Any) -> int | None:
    """Return a time in microseconds since the epoch, or None.

    It is given in ISO 8601, or in seconds or milliseconds since the epoch.
    """
    at: int | None = None
    if isinstance(value, str):
        at = _iso(value)
    elif is_number(value) and abs(value) <= _LAST_US:
        # As seconds, 1e11 is the year 5138; as milliseconds, it is 1973.
        at = int(value * (_SECONDS if value < 1e11 else _MILLISECONDS))
    return at if at is not None and 0 < at <= _LAST_US else None


def milliseconds(value: Any) -> int | None:
    """Return a duration in microseconds, given in milliseconds, or None."""
    return int(value * _MILLISECONDS) if is_number(value) and 0 <= value < 1e12 else None


def _iso(value: str) -> int | None:
    # Without `datetime`, for times as Kiro writes them: 2026-08-20T10:00:00.000Z
    cells = [value[:4], value[5:7], value[8:10], value[11:13], value[14:16], value[17:19]]
    fraction = value[20:-1] or "0"
    marks = value[4:5] + value[7:8] + value[10:11] + value[13:14] + value[16:17] + value[-1:]
    plain = marks == "--T::Z" and value[19:20] in ("Z", ".") and value.isascii()
    if not plain or not ("".join(cells) + fraction).isdecimal():
        return _other_iso(value)
    year, month, day, hour, minute, second = [int(cell) for cell in cells]
    valid_day = 1 <= month <= 12 and 1 <= day <= _MONTHS[month - 1]
    if not (year and valid_day and hour < 24 and minute < 60 and second < 60):
        return _other_iso(value)  # 29 February, a leap second, or nonsense
    seconds = (_days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
    return seconds * _SECONDS + int(fraction[:6].ljust(6, "0"))


def _days(year: int, month: int, day: int) -> int:
    # Days since the epoch in the Gregorian calendar, with years that begin in March.
    year -= month < 3
    era_day = 365 * year + year // 4 - year // 100 + year // 400
    return era_day + (153 * ((month + 9) % 12) + 2) // 5 + day - 719_469


def _other_iso(value: str) -> int | None:
    from tokentrack.common import timestamps

    try:
        return timestamps.parse(value)
    except (ValueError, OverflowError):
        return None


def status(value: Any) -> str:
    """Return `success`, `aborted` or `error` for Kiro's many words for a turn's end, or ""."""
    word = text(value).lower()
    for meaning, parts in _ENDINGS:
        if any(part in word for part in parts):
            return meaning
    return ""


def text_of(content: Any, depth: int = 0) -> str:
    """Return the text of a message: a plain text, or the text blocks of a list joined by LF."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [text_of(block, depth + 1) for block in content] if depth < _MAX_DEPTH else []
        return "\n".join(filter(None, parts))
    block = mapping(content)
    if block.get("kind", block.get("type", "text")) != "text":
        return ""
    return next((block[k] for k in ("text", "data", "content") if text(block.get(k))), "")
