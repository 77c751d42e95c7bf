"""What groups of turns cost: credits by the plan, tracked requests by their own token prices.

Estimated tokens are never priced: only the credits that Kiro reported, and requests, whose tokens
the program that tracked them knew.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from tokentrack.common.user_name import user_name
from tokentrack.config.sources import load_config
from tokentrack.errors import ValidationError
from tokentrack.reports.pricing.costs import Pricing
from tokentrack.reports.pricing.plan import Rates, plan_in_force
from tokentrack.workspace import kiro_home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.reports.answer import Query
    from tokentrack.reports.dimensions import Dimension
    from tokentrack.reports.groups import Key, Numbers, Words
    from tokentrack.reports.pricing.request_costs import RequestCosts
    from tokentrack.reports.statements import Statements


class GroupCosts:
    """Costs of the groups of one question, in the currency of the plan."""

    def __init__(
        self,
        words: Words,
        question: Query,
        rates: Rates,
    ) -> None:
        """Name the parts.

        Args:
            words: the texts of the index.
            question: has the prices of requests.
            rates: the prices of credits.
        """
        self._words = words
        self._question = question
        self._credits = Pricing(rates)
        self._exchange_rate = Fraction(rates.plan.currency.rate)
        self._requests: RequestCosts | None = None

    def add_to(
        self, groups: Mapping[Key, Numbers], by: Sequence[Dimension], ask: Statements
    ) -> None:
        """Set the costs of groups of turns; those in which nothing has a price have none.

        Args:
            groups: the numbers of the groups.
            by: their dimensions.
            ask: the question that gave them.
        """
        for numbers in groups.values():
            numbers.pricing = self._credits.cost_of
        if any(numbers.requests for numbers in groups.values()):
            self._of_requests().add_to(groups, by, ask)
        if self._exchange_rate != 1:
            for numbers in groups.values():
                numbers.difference *= self._exchange_rate
                if numbers.cost is not None:
                    numbers.cost *= self._exchange_rate

    def _of_requests(self) -> RequestCosts:
        if self._requests is None:
            from tokentrack.reports.pricing.price_table import prices_in_force
            from tokentrack.reports.pricing.request_costs import RequestCosts

            prices = self._question.prices or prices_in_force()
            other_time = time_of_prices(self._question.prices_as_of)
            self._requests = RequestCosts(self._words, prices, other_time)
        return self._requests


def rates_in_force(environ: Mapping[str, str]) -> Rates | None:
    """Return how this user's credits are priced by their plan, None without one.

    Raises:
        ValidationError: the configuration can't be read, or has another kind of plan.
    """
    plan = plan_in_force(environ)
    if plan is None:
        return None
    config = load_config("", kiro_home(environ), environ)[0]
    return Rates(plan, user=user_name(config.user or None))


def time_of_prices(day: date | str | None) -> datetime | None:
    """Return the time whose prices are those of a day, None for None.

    Raises:
        ValidationError: it is not a date.
    """
    if day is None:
        return None
    try:
        found = date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise ValidationError(
            [f"prices_as_of must be a date such as 2026-06-01, not {str(day)[:60]!r}"]
        ) from None
    return datetime(found.year, found.month, found.day, tzinfo=UTC)
