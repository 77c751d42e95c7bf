"""The currency in which money is shown, by a fixed exchange rate."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.reports.pricing.money import money_text

if TYPE_CHECKING:
    from collections.abc import Mapping

USD = "USD"
_CODE = re.compile("[A-Z]{3}")
_MOST = 10**6
_MOST_PLACES = 12


class Currency(NamedTuple):
    """A currency.

    Attributes:
        code: its three letters of ISO 4217.
        rate: how much of it 1 USD is.
    """

    code: str = USD
    rate: Decimal = Decimal(1)

    def of(self, dollars: Fraction) -> Fraction:
        """Return an amount in USD in this currency."""
        return dollars * Fraction(self.rate)

    def text(self, dollars: Fraction, places: int | None = None) -> str:
        """Return an amount in USD as text in this currency: `$0.02`, `EUR 0.0184`.

        Args:
            dollars: the amount.
            places: how many decimals it is rounded to; None for all.
        """
        amount = money_text(self.of(dollars), places)
        return f"${amount}" if self.code == USD else f"{self.code} {amount}"

    @property
    def exchange(self) -> list[str]:
        """The exchange rate in words; nothing for USD."""
        rate = format(self.rate.normalize(), "f")
        return [] if self.code == USD else [f"1 USD = {self.code} {rate}"]

    def to_dict(self) -> dict[str, str]:
        """Return `currency` and `exchange_rate` as JSON values; nothing for USD."""
        if self.code == USD:
            return {}
        return {"currency": self.code, "exchange_rate": format(self.rate, "f")}


def currency_of(value: Mapping[str, Any]) -> Currency:
    """Return the currency that `currency` and `exchange_rate` of a plan describe.

    Raises:
        ValidationError: they describe none.
    """
    code, rate = value.get("currency", USD), value.get("exchange_rate", "1")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        words = f"three capital letters, such as EUR, not {code!r}"
        raise ValidationError([f"the plan's currency must be {words}"[:200]])
    try:
        amount = Decimal(str(rate))
    except InvalidOperation:
        amount = Decimal("nan")
    is_rate = amount.is_finite() and 0 < amount <= _MOST
    if not is_rate or amount != round(amount, _MOST_PLACES):
        words = f"the amount in {code} that 1 USD is, not {rate!r}"
        raise ValidationError([f"the plan's exchange_rate must be {words}"[:200]])
    if code == USD and amount != 1:
        raise ValidationError(["the plan's exchange_rate needs a currency other than USD"])
    return Currency(code, amount)
