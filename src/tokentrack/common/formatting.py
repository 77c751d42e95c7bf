"""Counts and costs as short texts for messages, status lines and reports."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tokentrack.errors import ValidationError

if TYPE_CHECKING:
    from decimal import Decimal

_UNKNOWN = "unknown"

_UNITS = ("", "K", "M", "B", "T")
_HUGE_COST = 10**15
_MOST_PLACES = 12


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_tokens(count: float | None, precision: int = 1) -> str:
    """Return a count of tokens as `500`, `1.5K`, `2.5M`, `3.0B` or `4.0T`; None as `unknown`.

    A count that would round to 1,000 of its unit is shown in the next unit: 999,950 is `1.0M`.
    A count too large for all units is shown as `1.0e+18`.

    Raises:
        ValidationError: the precision is not a whole number from 0 to 12.
    """
    from decimal import Decimal  # few commands need it

    _check(precision)
    if count is None or not _is_finite(count):
        return _UNKNOWN
    return _signed(_scaled(Decimal(abs(count)), precision), negative=count < 0)


def format_cost(cost_usd: float | Decimal | None, precision: int | None = 2) -> str:
    """Return a cost as `$1.23`; None as `unknown`.

    Args:
        cost_usd: US dollars.
        precision: digits after the point. None means two, or for less than a cent as many as it
            takes to show two significant digits: `$0.0010`.

    Raises:
        ValidationError: the precision is not None or a whole number from 0 to 12.
    """
    from decimal import ROUND_HALF_UP, Decimal, localcontext

    if precision is not None:
        _check(precision)
    if cost_usd is None or not _is_finite(cost_usd):
        return _UNKNOWN
    size = abs(Decimal(str(cost_usd)))
    places = _places_of(size) if precision is None else precision
    with localcontext(rounding=ROUND_HALF_UP):
        amount = f"{size:,.{places}f}" if size < _HUGE_COST else f"{size:.{places}e}"
    return _signed("$" + amount, negative=cost_usd < 0)


def _check(precision: int) -> None:
    whole = isinstance(precision, int) and not isinstance(precision, bool)
    if not whole or not 0 <= precision <= _MOST_PLACES:
        raise ValidationError(
            [f"precision must be a whole number from 0 to {_MOST_PLACES}, not {precision!r}"]
        )


def _is_finite(value: float | Decimal) -> bool:
    # An int may be too large for math.isfinite.
    return isinstance(value, int) or math.isfinite(value)


def _scaled(size: Decimal, precision: int) -> str:
    from decimal import ROUND_HALF_UP, Decimal, localcontext

    whole = size
    with localcontext(rounding=ROUND_HALF_UP):
        for unit in _UNITS:
            text = f"{size:.{precision if unit else 0}f}"
            if Decimal(text) < 1000:
                return text + unit
            size /= 1000
        return f"{whole:.{precision}e}"


def _places_of(size: Decimal) -> int:
    if size == 0 or size * 100 >= 1:
        return 2
    return min(1 - size.adjusted(), _MOST_PLACES)


def _signed(text: str, *, negative: bool) -> str:
    # No sign for an amount that rounds to zero: never "-$0.00".
    return f"-{text}" if negative and text.strip("$0.KMBT") else text
