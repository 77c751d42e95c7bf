"""How much of the plan is used in this billing month, and how much the month will take."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tokentrack.reports import calendar
from tokentrack.reports.allowance import days_left, first_asked
from tokentrack.reports.exact import difference, plain_text, sum_of
from tokentrack.reports.index.cells import PLACES, scaled
from tokentrack.reports.pricing.money import money_text
from tokentrack.reports.projection import project

if TYPE_CHECKING:
    from tokentrack.reports.answer import Answer
    from tokentrack.reports.pricing.plan import Rates


class PlanUse:
    """What is used and left of a plan, in its billing month.

    Attributes:
        rates: the plan and its prices.
        first: the number of the first day of the billing month.
        end: the number of the first day of the next one.
        days_to_go: how many days are left until then, without today.
        used: the credits that are used, by the user in all known ledgers.
        left: the credits that are left, below 0 if more were used.
        projection: what the month will take; None after less than a week of history.
        days_left: for how many days the credits last at the pace of the last four weeks; None
            without a pace, or if none are left.
    """

    def __init__(self, answer: Answer, rates: Rates, day: int) -> None:
        """Take the answer of `plan_question`.

        Args:
            answer: the answer.
            rates: the plan and its prices.
            day: the number of today.
        """
        self.rates = rates
        self.first, self.end = rates.plan.month_of(day)
        self.days_to_go = self.end - day - 1
        days = {
            calendar.day_number(*map(int, row["day"].split("-"))): Decimal(row["credits"])
            for row in answer.rows
            if row["credits"] is not None
        }
        self.used = sum_of(amount for at, amount in days.items() if self.first <= at <= day)
        self.left = difference(rates.plan.credits, self.used)
        self.projection = project(days, self.first, day, self.end)
        units = {at: scaled(format(amount, "f"), PLACES) for at, amount in days.items()}
        spent = sum(units[at] for at in units if self.first <= at <= day)
        self.days_left = days_left(units, rates.plan.units - spent, day)

    @property
    def share(self) -> float:
        """Which part of the plan's credits is used."""
        return float(self.used / self.rates.plan.credits)

    @property
    def beyond(self) -> Decimal:
        """How many credits the month will probably take beyond the plan."""
        if self.projection is None:
            return Decimal(0)
        return max(Decimal(0), self.projection.credits - self.rates.plan.credits)

    @property
    def beyond_cost(self) -> str:
        """What these will cost, as decimal text in the currency of the plan."""
        plan = self.rates.plan
        return money_text(plan.currency.of(Fraction(self.beyond) * Fraction(plan.overage)))

    def to_dict(self) -> dict[str, Any]:
        """Return the use of the plan as JSON values."""
        projection = self.projection
        return {
            **self.rates.plan.to_dict(),
            "first_day": calendar.day_name(self.first),
            "resets_on": calendar.day_name(self.end),
            "used": plain_text(self.used),
            "left": plain_text(self.left),
            "days_left": self.days_left,
            "projection": projection and {
                "credits": format(projection.credits, "f"),
                "low": format(projection.low, "f"),
                "high": format(projection.high, "f"),
                "interval": "80 %",
                "beyond_plan": format(self.beyond, "f"),
                "beyond_cost": {
                    "amount": self.beyond_cost, "currency": self.rates.plan.currency.code,
                },
                "method": projection.method,
            },
        }  # fmt: skip


def plan_question(rates: Rates, day: int) -> dict[str, Any]:
    """Return the fields of the question by which the use of a plan is known.

    Args:
        rates: the plan and its prices.
        day: the number of today.
    """
    first = first_asked(rates.plan.month_of(day)[0], day)
    users = [rates.user, ""] if rates.user else [""]
    return {
        "by": ("day",), "where": {"user": users}, "since": calendar.day_name(first),
        "until": None, "tz": None,
    }  # fmt: skip
