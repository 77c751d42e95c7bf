"""Credits as exact texts, and as people read them, without the 3 ms of `decimal`."""

from __future__ import annotations

UNKNOWN = "–"
_PLACES = 27


def units_of(high: int, middle: int, low: int) -> int:
    """Return the units of 10^-27 that the index's three integers, or sums of them, stand for."""
    return (high * 10**11 + middle) * 10**9 + low


def decimal_text(units: int) -> str:
    """Return units of 10^-27 as exact decimal text."""
    whole, part = divmod(units, 10**_PLACES)
    return f"{whole}.{part:0{_PLACES}d}".rstrip("0").rstrip(".")


def credits_text(amount: str | None, places: int = 1) -> str:
    """Return credits, given as exact decimal text, with thousands separated: `1,533.8`.

    They are rounded, half to even; what is above 0 is never shown as 0.
    """
    if amount is None:
        return UNKNOWN
    sign = "-" if amount.startswith("-") else ""
    whole, _, part = amount.removeprefix(sign).partition(".")
    digits = int(whole + part)
    unit = 10 ** max(0, len(part) - places)
    value, rest = divmod(digits, unit)
    value += 2 * rest > unit or (2 * rest == unit and value % 2)
    if not value and digits:
        return f"<{_shifted(1, places)}"
    return f"{sign if value else ''}{_shifted(value * 10 ** max(0, places - len(part)), places)}"


def _shifted(value: int, places: int) -> str:
    whole, part = divmod(value, 10**places)
    return f"{whole:,}.{part:0{places}d}" if places else f"{whole:,}"
