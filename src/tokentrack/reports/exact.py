"""Sums and differences of credits and costs, exact to the last digit."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# More digits than the sum of any turns can have.
_EXACT = Context(prec=200)


def sum_of(amounts: Iterable[str | Decimal]) -> Decimal:
    """Return the sum of some amounts, each a Decimal or decimal text."""
    with localcontext(_EXACT):
        return sum(map(Decimal, amounts), Decimal(0))


def difference(amount: str | Decimal, other: str | Decimal) -> Decimal:
    """Return an amount without another one."""
    return _EXACT.subtract(Decimal(amount), Decimal(other))


def plain_text(amount: Decimal) -> str:
    """Return an amount as decimal text without zeros at the end of its decimals."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
