"""`tokentrack plan`: the plan by which credits are priced."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import Group, json_option, say
from tokentrack.common.suggestions import nearest
from tokentrack.errors import TokenTrackError, ValidationError

if TYPE_CHECKING:
    from tokentrack.reports.pricing.plan import Plan

SCHEMA_VERSION = 1


@click.group("plan", cls=Group)
def command() -> None:
    """Show, set or remove your Kiro plan.

    Credits are priced by it. A credit costs the plan's price divided by its credits until those of
    the billing month are used up, then the overage rate. Without a plan, no cost is shown.
    """


@command.command("set")
@click.argument("name", metavar="pro|pro+|power|NAME")
@click.option("--price", metavar="USD", help="Price of a month.")
@click.option(
    "--credits",
    "credits_",
    metavar="NUMBER",
    help="Credits of a month.  [default: your Kiro account's, else the plan's]",
)
@click.option("--overage", metavar="USD", help="Price of each further credit.")
@click.option("--billing-day", metavar="DAY", type=click.IntRange(1, 31),
              help="Day of the month on which the billing month begins.  "
                   "[default: your Kiro account's, else 1]")  # fmt: skip
@click.option("--currency", metavar="CODE", help="Show money in this currency, such as EUR.")
@click.option("--exchange-rate", metavar="NUMBER", help="What 1 USD is in that currency.")
def set_plan(name: str, **given: Any) -> None:
    """Set the plan in your own configuration.

    The prices and credits of pro, pro+ and power are known. For another NAME, give all three.
    """
    from tokentrack.reports.allowance import SET
    from tokentrack.reports.pricing.account_credits import account_plan
    from tokentrack.reports.pricing.plan import (
        DEFAULT,
        KNOWN_PLANS,
        plan_of,
        with_account,
    )
    from tokentrack.reports.pricing.plan_file import plan_path

    known = KNOWN_PLANS.get(name.lower())
    fields = {} if known is None else known.to_dict()
    fields |= {"name": name if known is None else known.name}
    given["credits"] = given.pop("credits_")
    for field in ("price", "credits", "overage"):
        if given[field] is not None:
            fields[field] = given[field]
        elif known is None:
            close = nearest(name, KNOWN_PLANS)
            hint = f"did you mean {close!r}? For another one, " if close else ""
            raise click.UsageError(
                f"The plan {name!r} is not known: {hint}give --price, --credits and --overage."
            )
    if given["credits"] is not None or known is None:
        fields["credits_source"] = SET
    if given["billing_day"] is not None:
        fields |= {"billing_day": given["billing_day"], "billing_day_source": SET}
    else:
        fields["billing_day_source"] = DEFAULT
    if given["currency"] or given["exchange_rate"]:
        if not (given["currency"] and given["exchange_rate"]):
            raise click.UsageError("Give both --currency and --exchange-rate.")
        fields |= {"currency": given["currency"], "exchange_rate": given["exchange_rate"]}
    plan = with_account(plan_of(fields), account_plan(os.environ))
    _change(plan)
    _show(plan)
    say(f"Saved in {plan_path(os.environ)}.")
    if known is not None and not (given["price"] or given["credits"] or given["overage"]):
        say("These are Kiro's prices of November 2026. Compare them with your invoice.")


@command.command("show")
@json_option
def show(*, as_json: bool) -> None:
    """Show the plan that is set."""
    from tokentrack.common.timestamps import format_us, now_us
    from tokentrack.reports.pricing.plan import plan_in_force
    from tokentrack.reports.pricing.plan_file import plan_path

    plan = plan_in_force(os.environ)
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "command": "plan",
            "generated_at": format_us(now_us()),
            "query": {},
            "plan": plan and plan.to_dict(),
            "provenance": {"file": None if plan is None else plan_path(os.environ)},
        }
        click.echo(json.dumps(document, indent=2))
    elif plan is None:
        say(
            "No plan is set. `tokentrack plan set pro` sets Kiro Pro; pro+ and power are known too."
        )
    else:
        _show(plan)


@command.command("remove")
def remove() -> None:
    """Remove the plan from your configuration."""
    say("The plan was removed." if _change(None) else "No plan is set.")


def _change(plan: Plan | None) -> bool:
    from tokentrack.reports.pricing.plan import save_plan

    try:
        return save_plan(plan, os.environ)
    except ValidationError as error:
        raise TokenTrackError(f"nothing was changed: {error.issues[0]}") from error


def _show(plan: Plan) -> None:
    from tokentrack.reports.pricing.plan import ACCOUNT, DEFAULT, KNOWN_PLANS, Rates

    price, allowance = plan.price.normalize(), plan.credits.normalize()
    of_account = " (from your Kiro account)"
    source = of_account if plan.credits_source == ACCOUNT else ""
    say(f"Plan {plan.name}: ${price:,f} a month for {allowance:,f} credits{source}.")
    known = KNOWN_PLANS.get(plan.name.lower())
    if source and known is not None and known.credits != plan.credits:
        say(f"Kiro's {plan.name} has {known.credits:,f} credits: check the plan's name.")
    source = {
        ACCOUNT: of_account, DEFAULT: " (by default; --billing-day sets another)",
    }.get(plan.billing_day_source, "")  # fmt: skip
    say(f"The billing month begins on day {plan.billing_day}{source}.")
    say(f"Reports show the {', '.join(Rates(plan).texts)}.")
