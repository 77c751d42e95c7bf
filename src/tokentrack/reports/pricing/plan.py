"""The user's plan: its price, the credits of a billing month, and what further credits cost."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.config.json_file import PLAN
from tokentrack.errors import ValidationError
from tokentrack.reports import allowance
from tokentrack.reports.allowance import SET
from tokentrack.reports.pricing.account_credits import account_plan
from tokentrack.reports.pricing.currency import Currency, currency_of
from tokentrack.reports.pricing.plan_file import plan_path, stored_configuration, stored_plan
from tokentrack.store.directory import Directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.reports.pricing.account_credits import AccountPlan

_UNITS = 10**27  # as credits are counted
_MOST_PLACES = 12
# The largest value of each amount.
_MOST = {"price": 10**6, "credits": 10**9, "overage": 10**4}
_LAST_DAY = 31
PRICE_LIST, ACCOUNT, DEFAULT = "price-list", "account", "default"
_SOURCES = {
    "credits_source": (SET, PRICE_LIST, ACCOUNT), "billing_day_source": (SET, ACCOUNT, DEFAULT),
}  # fmt: skip


class Plan(NamedTuple):
    """A plan of Kiro's.

    Attributes:
        name: what it is called.
        price: USD a month.
        credits: the credits of a billing month.
        overage: USD for each further credit.
        billing_day: the day of the month on which the billing month begins; a month without that
            day begins on its last one.
        credits_source: where `credits` comes from: `set` by the user, `price-list` or `account`.
        billing_day_source: where `billing_day` comes from: `set`, `account` or `default`.
        currency: the currency in which money is shown.
    """

    name: str
    price: Decimal
    credits: Decimal
    overage: Decimal
    billing_day: int = 1
    credits_source: str = SET
    billing_day_source: str = SET
    currency: Currency = Currency()

    @property
    def rate(self) -> Fraction:
        """USD for each credit of the plan."""
        return Fraction(self.price) / Fraction(self.credits)

    @property
    def units(self) -> int:
        """The credits of a billing month in units of 10^-27."""
        return int(Fraction(self.credits) * _UNITS)

    def month_of(self, day: int) -> tuple[int, int]:
        """Return the first day of a day's billing month, and the first day after it."""
        return allowance.billing_month(day, self.billing_day)

    @property
    def origin(self) -> str:
        """Which of its numbers the user has not set, in words."""
        found = {"credits": self.credits_source, "billing day": self.billing_day_source}
        names = [name for name, source in found.items() if source == ACCOUNT]
        if names:
            return f"{' and '.join(names)} from your Kiro account"
        if self.billing_day_source == DEFAULT:
            return f"billing day {self.billing_day} by default"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values, amounts as exact decimal text."""
        amounts = {name: format(getattr(self, name), "f") for name in _MOST}
        return {
            "name": self.name, **amounts, "billing_day": self.billing_day,
            **{name: getattr(self, name) for name in _SOURCES}, **self.currency.to_dict(),
        }  # fmt: skip


# The plans that Kiro sells, as of November 2026. Check yours with `tokentrack plan show`.
KNOWN_PLANS = {
    name.lower(): Plan(
        name, Decimal(price), Decimal(credits_), Decimal("0.04"), 1, PRICE_LIST, DEFAULT
    )
    for name, price, credits_ in (("Pro", 20, 1000), ("Pro+", 40, 2000), ("Power", 200, 10_000))
}


class Rates(NamedTuple):
    """How credits are priced.

    Attributes:
        plan: the plan.
        is_list: whether every credit costs the overage rate.
        user: whose turns use up the plan's credits. Turns without a user count as theirs; "" stands
            for those alone.
    """

    plan: Plan
    is_list: bool = False
    user: str = ""

    @property
    def basis(self) -> str:
        """What the prices are: `plan` or `list`."""
        return "list" if self.is_list else "plan"

    @property
    def texts(self) -> list[str]:
        """The prices in words, in parts, for where money is shown."""
        plan = self.plan
        rate, overage = plan.currency.text(plan.rate, 4), plan.currency.text(Fraction(plan.overage))
        allowance = format(plan.credits.normalize(), ",f")
        parts = [f"cost by plan {plan.name}: {rate} a credit", f"{overage} after {allowance}"]
        if self.is_list:
            parts = [f"cost at the list rate: {overage} a credit"]
        return [*parts, *plan.currency.exchange]


def plan_of(value: object) -> Plan:
    """Return the plan that JSON values describe.

    Raises:
        ValidationError: they describe none.
    """
    if not isinstance(value, dict):
        raise ValidationError(["plan must be an object"])
    amounts = {name: amount_of(name, value.get(name)) for name in _MOST}
    name, day = value.get("name", ""), value.get("billing_day", 1)
    if not isinstance(name, str) or not name or len(name) > 60:
        raise ValidationError(["the plan's name must be text of 1 to 60 characters"])
    if type(day) is not int or not 1 <= day <= _LAST_DAY:
        raise ValidationError(
            [f"the plan's billing_day must be 1 to {_LAST_DAY}, not {day!r}"[:200]]
        )
    first, second = (
        known if (known := value.get(key)) in allowed else SET for key, allowed in _SOURCES.items()
    )
    return Plan(
        name, amounts["price"], amounts["credits"], amounts["overage"], day, first, second,
        currency_of(value),
    )  # fmt: skip


def with_account(plan: Plan, account: AccountPlan) -> Plan:
    """Return a plan with what the account says in place of what the user has not set."""
    limit = account.credits
    if limit is not None and plan.credits_source != SET and _is_amount("credits", limit):
        plan = plan._replace(credits=limit, credits_source=ACCOUNT)
    if account.billing_day is not None and plan.billing_day_source != SET:
        plan = plan._replace(billing_day=account.billing_day, billing_day_source=ACCOUNT)
    return plan


def billing_month(environ: Mapping[str, str], day: int) -> tuple[int, int] | None:
    """Return a day's billing month: its first day and the first one after it.

    It is the plan's or, without a plan, the account's; None if neither is known.

    Raises:
        ValidationError: as for `plan_in_force`.
    """
    plan = plan_in_force(environ)
    if plan is None:
        account = account_plan(environ)
        if account.billing_day is None:
            return None
        plan = with_account(KNOWN_PLANS["pro"], account)
    return plan.month_of(day)


def _is_amount(name: str, amount: Decimal) -> bool:
    try:
        return amount_of(name, amount) == amount
    except ValidationError:
        return False


def amount_of(name: str, value: object) -> Decimal:
    """Return an amount of a plan: `price`, `credits` or `overage`.

    Raises:
        ValidationError: it is not a number in its bounds.
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("nan")
    least = 0 if name != "credits" else Decimal("0.001")
    is_plain = amount.is_finite() and least <= amount <= _MOST[name]
    if not is_plain or amount != round(amount, _MOST_PLACES):
        bounds = f"{least} to {_MOST[name]:,}"
        raise ValidationError(
            [f"the plan's {name} must be a number from {bounds}, not {value!r}"[:200]]
        )
    return amount


def plan_in_force(environ: Mapping[str, str]) -> Plan | None:
    """Return the plan of the user's configuration, None if there is none.

    Its credits and billing day are those of the account, unless the user has set them.

    Raises:
        ValidationError: the configuration can't be read, or has another kind of plan.
    """
    found = stored_plan(environ)
    if found is None:
        return None
    try:
        return with_account(plan_of(*found), account_plan(environ))
    except ValidationError as error:
        fix = "correct it with `tokentrack plan set`"
        path = plan_path(environ)
        raise ValidationError([f"{path}: {error.issues[0]}; {fix}"]) from error


def save_plan(plan: Plan | None, environ: Mapping[str, str]) -> bool:
    """Write the plan into the user's configuration and keep all else there; None removes it.

    Returns:
        Whether there was a plan before.

    Raises:
        OSError: the file can't be read or written.
        ValidationError: the file does not hold a JSON object.
    """
    path = plan_path(environ)
    try:
        found = stored_configuration(environ)
    except FileNotFoundError:
        found = {}
    had_plan = PLAN in found
    if plan is None:
        if not had_plan:
            return False
        del found[PLAN]
    else:
        found[PLAN] = plan.to_dict()
    import json

    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    with Directory.of_file(path, create=True) as (folder, name):
        folder.replace(name, text.encode("utf-8", "backslashreplace"), durable=True)
    return had_plan
