"""Single values of Kiro's JSON: what each may be, and what is refused."""

from __future__ import annotations

from tokentrack.kiro.turn import ABORTED, ERROR, SUCCESS
from tokentrack.models.columns import as_count

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from typing import Any

_MAX_CREDITS = 1_000_000_000
_MAX_PLACES = 400  # more than any JSON number has; 1e-999999 would be a megabyte of zeros
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
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a JSON list, none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def tokens(value: Any) -> int | None:
    """Return a count of tokens above 0; Kiro writes 0 and null where it does not know."""
    return as_count(value) or None


def count(value: Any) -> int | None:
    """Return a whole number of 0 or more."""
    return as_count(value)


def percent(value: Any) -> float | None:
    """Return how full a context was; 0 means that Kiro has not counted yet."""
    return float(value) if is_number(value) and 0 < value <= _MAX_PERCENT else None


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number; true and false are none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value - value == 0


def credit_sum(entries: Any, key: str) -> tuple[str | None, int]:
    """Return the sum of `key` over a list's entries in credits, and how many were refused.

    The sum is exact decimal text, None when no entry has a number. An entry of another unit does
    not count, one without a unit does, null is unknown, and what is no finite number of 0 or more
    is refused.
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
    """Return the credits in a usage row's cell, None for what `credit_sum` would never return."""
    from decimal import Decimal, InvalidOperation

    try:
        amount = Decimal(cell)
    except InvalidOperation:
        return None
    is_valid = amount.is_finite() and 0 <= amount <= _MAX_CREDITS
    return amount if is_valid and amount.adjusted() > -_MAX_PLACES else None


def exact_sum(numbers: Iterable[float]) -> str:
    """Add numbers as the decimal fractions that they were written as.

    `decimal` does the same, but its import takes half of the hook's 5 ms for reading a turn.
    """
    parts = [_decimal_parts(number) for number in numbers]
    places = max(places for _, places in parts)
    total = sum(digits * 10 ** (places - own) for digits, own in parts)
    if places <= 0:
        return str(total * 10**-places)
    digits = str(total).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")


def _decimal_parts(number: float) -> tuple[int, int]:
    # The number is digits / 10 ** places. repr() gives back what stood in the JSON.
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    return int(whole + fraction), len(fraction) - int(exponent or 0)


def microseconds(value: Any) -> int | None:
    """Return a time since the epoch, from ISO 8601 or from seconds or milliseconds since then."""
    at: int | None = None
    if isinstance(value, str):
        at = _iso(value)
    elif is_number(value) and abs(value) <= _LAST_US:
        # Seconds reach 1e11 in the year 5138, which milliseconds had left behind in 1973.
        at = int(value * (_SECONDS if value < 1e11 else _MILLISECONDS))
    return at if at is not None and 0 < at <= _LAST_US else None


def milliseconds(value: Any) -> int | None:
    """Return a duration that is given in milliseconds, in microseconds."""
    return int(value * _MILLISECONDS) if is_number(value) and 0 <= value < 1e12 else None


def _iso(value: str) -> int | None:
    # What Kiro writes, without `datetime`: 2026-08-20T10:00:00.000Z
    cells = [value[:4], value[5:7], value[8:10], value[11:13], value[14:16], value[17:19]]
    fraction = value[20:-1] or "0"
    marks = value[4:5] + value[7:8] + value[10:11] + value[13:14] + value[16:17] + value[-1:]
    plain = marks == "--T::Z" and value[19:20] in ("Z", ".") and value.isascii()
    if not plain or not ("".join(cells) + fraction).isdecimal():
        return _other_iso(value)
    year, month, day, hour, minute, second = [int(cell) for cell in cells]
    valid_day = 1 <= month <= 12 and 1 <= day <= _MONTHS[month - 1]
    if not (year and valid_day and hour < 24 and minute < 60 and second < 60):
        return _other_iso(value)  # 29 February, leap seconds, nonsense
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
    """Return what Kiro's many words for the end of a turn mean."""
    word = text(value).lower()
    for meaning, parts in _ENDINGS:
        if any(part in word for part in parts):
            return meaning
    return ""


def text_of(content: Any, depth: int = 0) -> str:
    """Return the text of a message: plain, or a list of blocks of which only text counts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [text_of(block, depth + 1) for block in content] if depth < _MAX_DEPTH else []
        return "\n".join(filter(None, parts))
    block = mapping(content)
    if block.get("kind", block.get("type", "text")) != "text":
        return ""
    return next((block[k] for k in ("text", "data", "content") if text(block.get(k))), "")
