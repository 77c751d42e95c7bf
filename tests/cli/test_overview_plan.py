"""The overview with a plan: the billing month, what is left, and what it costs."""

import json
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from support.imported import tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.overviews import document, overview
from support.priced_turns import add_turn
from tokentrack.reports.render.screen import width_of

UTC_ZONE = ("--tz", "UTC")


@pytest.fixture
def planned(busy):
    """Return the busy machine with a plan of 20 credits, whose month begins on the first."""
    tokentrack(busy, "plan", "set", "Mini", "--price", "10", "--credits", "20", "--overage", "1",
               "--billing-day", "1")  # fmt: skip
    return busy


def test_a_plan_adds_what_is_used_and_left_and_what_it_costs(planned):
    found = document(planned, *UTC_ZONE)
    used = Decimal(found["total"]["credits"])
    plan = found["plan"]
    assert Decimal(plan["used"]) == used
    assert Decimal(plan["left"]) == 20 - used
    assert plan["first_day"] == f"{datetime.now(UTC):%Y-%m}-01"
    # Half a dollar a credit in the plan, a dollar beyond.
    cost = min(used, Decimal(20)) / 2 + max(used - 20, 0)
    assert Decimal(found["total"]["cost"]["amount"]) == cost
    assert found["total"]["cost"]["basis"] == "plan"
    for name in ("workspaces", "models"):
        assert sum(Decimal(row["cost"]["amount"]) for row in found[name]) == cost
    projection = plan["projection"]
    low, middle, high = (Decimal(projection[name]) for name in ("low", "credits", "high"))
    assert used <= low <= middle <= high
    assert projection["interval"] == "80 %"
    assert "mean of the same weekdays of the last 28 days" in projection["method"]
    assert Decimal(projection["beyond_plan"]) == max(middle - 20, 0)
    listed = document(planned, "--cost", "list", *UTC_ZONE)
    assert Decimal(listed["total"]["cost"]["amount"]) == used


def test_the_plan_is_of_all_ledgers_or_not_shown(planned):
    assert document(planned, "--here")["plan"] is None
    assert document(planned, "--workspace", "web")["plan"] is None
    assert document(planned, "--workspace", "web")["total"]["cost"]
    assert "Plan Mini" in overview(planned)
    assert "Plan Mini" not in overview(planned, "--here")


def test_other_users_do_not_use_up_the_plan(planned):
    before = document(planned)["plan"]["used"]
    add_turn(planned.folder, "e-other", time.time_ns() // 1000, "50", user="somebody-else")
    assert document(planned)["plan"]["used"] == before


def test_other_users_are_left_out_and_named(busy):
    before = document(busy)["total"]
    add_turn(busy.folder, "e-other", time.time_ns() // 1000, "50", user="somebody-else")
    assert document(busy)["total"] == before
    assert "1 turn of another user is left out; `tokentrack report user`" in overview(busy)
    theirs = document(busy, "--user", "somebody-else")
    assert (theirs["total"]["turns"], theirs["total"]["credits"]) == (1, "50")
    everything = document(busy, "--file", str(busy.root))
    assert everything["total"]["turns"] == before["turns"] + 1


def test_with_a_plan_the_month_is_the_billing_month(busy):
    today = datetime.now(UTC).date()
    day = (today - timedelta(days=3)).day
    tokentrack(busy, "plan", "set", "pro", "--billing-day", str(day))
    found = document(busy, *UTC_ZONE)
    first = found["plan"]["first_day"]
    assert found["query"]["since"].startswith(first)
    assert found["total"]["turns"] == (today - date.fromisoformat(first)).days + 1
    assert found["total"]["credits"] == found["plan"]["used"]
    assert found["last_month"]["last_day"] < first
    before = date.fromisoformat(found["last_month"]["first_day"])
    assert 28 <= (date.fromisoformat(first) - before).days <= 31
    assert "  Billing month " in overview(busy)
    assert "  This month " in overview(busy, "--since", "this-month")
    assert document(busy, "--since", "this-month", *UTC_ZONE)["total"]["turns"] == today.day


@pytest.mark.parametrize("zone", [(), ("--tz", "Pacific/Kiritimati")])
def test_billing_is_a_word_for_the_current_billing_month(busy, zone):
    today = datetime.now(UTC).date()
    billing = ("report", "--since", "billing", "--json", *zone)
    assert "set the day with `tokentrack plan set" in overview(busy, *billing, code=2)
    reset = today - timedelta(days=2)
    IdeStorage(KiroHome(busy.home)).account(1, 1000, resets=reset.isoformat())
    assert json.loads(overview(busy, *billing))["query"]["since"].startswith(reset.isoformat())
    tokentrack(busy, "plan", "set", "pro", "--billing-day", str(today.day))
    found = json.loads(overview(busy, *billing, "--until", "billing"))
    assert found["query"]["since"].startswith(today.isoformat())
    assert found["total"]["turns"] == 1
    assert found["query"]["until"] > found["query"]["since"]


def test_a_report_is_compared_with_the_billing_month_before(busy):
    asked = ("report", "workspace", "--since", "billing", "--vs", "billing", "--json")
    assert "set the day with" in overview(busy, *asked, code=2)
    today = datetime.now(UTC).date()
    first = today - timedelta(days=2)
    tokentrack(busy, "plan", "set", "pro", "--billing-day", str(first.day))
    found = json.loads(overview(busy, *asked))
    then = date.fromisoformat(found["query"]["vs"]["since"][:10])
    assert 28 <= (first - then).days <= 31
    assert found["total"]["turns"] == 3
    assert sum(row["before"] != "0" for row in found["rows"]) == 3
    assert found["query"]["vs"]["until"][:10] == (then + timedelta(days=3)).isoformat()


def test_the_source_of_the_plans_numbers_is_named(busy):
    tokentrack(busy, "plan", "set", "pro")
    assert "billing day 1 by default" in overview(busy)
    IdeStorage(KiroHome(busy.home)).account(1, 1000)
    assert "credits and billing day from your Kiro account" in overview(busy)
    tokentrack(busy, "plan", "set", "pro", "--billing-day", "1")
    assert "credits from your Kiro account" in overview(busy)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_with_a_plan_no_line_is_wider_either(planned, columns):
    text = overview(planned, columns=columns)
    assert all(width_of(line) <= columns for line in text.splitlines())
    plain = overview(planned, "--ascii", columns=columns)
    assert plain.isascii()
    for needed in (
        "$",
        "Plan Mini",
        "Projected",
        "cost by plan Mini: $0.5 a credit",
        "$1 after 20",
    ):
        assert needed in text
        assert needed in plain


def test_a_plan_that_is_used_up_is_red_and_in_words(planned):
    add_turn(planned.folder, "e-more", time.time_ns() // 1000, "500")
    text = overview(planned, "--color", "always")
    assert "\x1b[31m  Plan Mini" in text
    assert "Beyond plan" in text
    assert "beyond the plan for $" in text


def test_without_a_plan_there_is_a_hint_and_no_dollar(busy):
    text = overview(busy)
    assert "`tokentrack plan set`" in text
    assert "$" not in text
    assert document(busy)["plan"] is None
    assert document(busy)["total"]["cost"] is None
