"""`tokentrack plan`: the plan by which credits are priced."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import Group, json_option, say
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
@click.option("--credits", "credits_", metavar="NUMBER", help="Credits of a month.")
@click.option("--overage", metavar="USD", help="Price of each further credit.")
@click.option("--billing-day", metavar="DAY", type=click.IntRange(1, 31),
              help="Day of the month on which the billing month begins.  "
                   "[default: as the IDE has it, else 1]")  # fmt: skip
def set_plan(name: str, **given: Any) -> None:
    """Set the plan in your own configuration.

    The prices and credits of pro, pro+ and power are known. For another NAME, give all three.
    """
    from tokentrack.reports.pricing.plan import KNOWN_PLANS, plan_of, plan_path

    known = KNOWN_PLANS.get(name.lower())
    fields = {} if known is None else known.to_dict()
    fields |= {"name": name if known is None else known.name}
    given["credits"] = given.pop("credits_")
    for field in ("price", "credits", "overage"):
        if given[field] is not None:
            fields[field] = given[field]
        elif known is None:
            raise click.UsageError(
                f"The plan {name!r} is not known: give --price, --credits and --overage."
            )
    fields["billing_day"] = given["billing_day"] or _billing_day()
    plan = plan_of(fields)
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
    from tokentrack.reports.pricing.plan import plan_in_force, plan_path

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
    from tokentrack.reports.pricing.plan import plan_path, save_plan

    try:
        return save_plan(plan, os.environ)
    except ValidationError as error:
        fix = "correct the file or remove it"
        raise TokenTrackError(
            f"nothing was changed: {plan_path(os.environ)}: {error.issues[0]}; {fix}"
        ) from error


def _show(plan: Plan) -> None:
    from tokentrack.reports.pricing.plan import Rates

    price, allowance = plan.price.normalize(), plan.credits.normalize()
    say(f"Plan {plan.name}: ${price:,f} a month for {allowance:,f} credits.")
    say(f"The billing month begins on day {plan.billing_day}.")
    say(f"Reports show the {', '.join(Rates(plan).texts)}.")


def _billing_day() -> int:
    from tokentrack.common.timestamps import parse
    from tokentrack.reports.account_credits import account_credits
    from tokentrack.reports.calendar import civil
    from tokentrack.reports.zones import Zone

    account = account_credits(os.environ)
    if account is None or not account["resets_at"]:
        return 1
    return civil(Zone("UTC").local_day(parse(account["resets_at"])))[2]
