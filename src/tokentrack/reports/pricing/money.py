"""Amounts of money as exact text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_MOST_PLACES = 18  # of an amount that has no end


def money_text(amount: Fraction, places: int | None = None) -> str:
    """Return an amount as decimal text without final zeros.

    Args:
        amount: the amount.
        places: how many decimals it is rounded to; None for all, or 18 if there is no end.
    """
    most = _MOST_PLACES if places is None else places
    if places is None and _is_decimal(amount.denominator):
        most = len(str(amount.denominator)) * 4  # enough for any power of 2 of so many digits
    scaled = round(amount * 10**most)  # half to even
    whole, part = divmod(abs(scaled), 10**most)
    text = f"{whole}.{part:0{most}d}".rstrip("0").rstrip(".") if most else str(whole)
    return f"-{text}" if scaled < 0 else text


def _is_decimal(denominator: int) -> bool:
    for factor in (2, 5):
        while denominator % factor == 0:
            denominator //= factor
    return denominator == 1
