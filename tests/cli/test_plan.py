"""`tokentrack plan`: the plan in the user's configuration, and costs where it is set."""

import json
import time
from decimal import Decimal

import pytest

from support.imported import tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.priced_turns import add_turn
from tokentrack.reports.render.screen import width_of


@pytest.fixture
def priced(machine):
    """Return a machine with two turns of today: 8 credits, then 6."""
    now = time.time_ns() // 1000
    add_turn(machine.folder, "e-1", now - 2, "8", workspace_folder="web")
    add_turn(machine.folder, "e-2", now - 1, "6", workspace_folder="api")
    return machine


def configuration(machine):
    return machine.home / ".kiro" / "token_tracker_config.json"


def set_ten(machine, *words):
    return tokentrack(machine, "plan", "set", "Ten", "--price", "5", "--credits", "10",
                      "--overage", "2", *words)  # fmt: skip


def document(machine, *words):
    return json.loads(tokentrack(machine, "report", "workspace", "--json", *words))


def test_a_known_plan_is_set_shown_and_removed(machine):
    assert "No plan is set." in tokentrack(machine, "plan", "show")
    assert json.loads(tokentrack(machine, "plan", "show", "--json"))["plan"] is None
    text = tokentrack(machine, "plan", "set", "pro+")
    assert "Plan Pro+: $40 a month for 2,000 credits." in text
    assert str(configuration(machine)) in text
    shown = json.loads(tokentrack(machine, "plan", "show", "--json"))
    assert shown["plan"] == {
        "name": "Pro+", "price": "40", "credits": "2000", "overage": "0.04", "billing_day": 1,
        "credits_source": "price-list", "billing_day_source": "default",
    }  # fmt: skip
    assert shown["provenance"] == {"file": str(configuration(machine))}
    assert "cost by plan Pro+: $0.02 a credit, $0.04 after 2,000." in tokentrack(
        machine, "plan", "show"
    )
    assert "was removed" in tokentrack(machine, "plan", "remove")
    assert "No plan is set." in tokentrack(machine, "plan", "remove")
    assert json.loads(configuration(machine).read_text()) == {}


def test_everything_else_in_the_configuration_stays(machine):
    before = {"later": {"x": [1.5, "é"]}, "log_level": "DEBUG", "retention_days": 30}
    configuration(machine).parent.mkdir(exist_ok=True)
    configuration(machine).write_text(json.dumps(before))
    set_ten(machine, "--billing-day", "31")
    found = json.loads(configuration(machine).read_text())
    plan = found.pop("plan")
    assert found == before
    assert list(found) == list(before)
    assert plan["billing_day"] == 31
    tokentrack(machine, "plan", "remove")
    assert json.loads(configuration(machine).read_text()) == before


def test_a_link_to_the_configuration_stays_a_link(machine, tmp_path):
    real = tmp_path / "dotfiles.json"
    real.write_text('{"log_level": "DEBUG"}')
    configuration(machine).parent.mkdir(exist_ok=True)
    configuration(machine).symlink_to(real)
    set_ten(machine)
    assert configuration(machine).is_symlink()
    assert json.loads(real.read_text())["plan"]["name"] == "Ten"


def test_a_damaged_configuration_is_not_overwritten(machine):
    configuration(machine).parent.mkdir(exist_ok=True)
    configuration(machine).write_text("{broken")
    text = tokentrack(machine, "plan", "set", "pro", code=1)
    assert "nothing was changed" in text
    assert f"{configuration(machine)} is not JSON: correct the file or remove it" in text
    shown = tokentrack(machine, "plan", "show", code=1, env={"COLUMNS": "400"})
    assert shown == (
        f"Error: {configuration(machine)} is not JSON: correct the file or remove it\n"
    )
    assert configuration(machine).read_text() == "{broken"


def test_a_plan_is_no_unknown_field_but_a_workspace_can_not_set_it(machine):
    set_ten(machine)
    machine.send("Stop")
    log = machine.state / "tokentrack.log"
    assert not log.exists() or "plan" not in log.read_text()
    machine.configure(plan={"name": "Free", "price": "0"})
    machine.send("Stop")
    assert "the workspace's configuration: 1 unknown field" in log.read_text()
    assert "Plan Ten" in tokentrack(machine, "plan", "show")


@pytest.mark.parametrize(
    ("words", "message"),
    [(["Mine"], "The plan 'Mine' is not known"), (["pro", "--price", "x"], "price must be"),
     (["pro", "--credits", "0"], "credits must be"), (["pro", "--billing-day", "32"], "32")],
)  # fmt: skip
def test_a_wrong_plan_is_refused(machine, words, message):
    code = 1 if "must" in message else 2
    assert message in tokentrack(machine, "plan", "set", *words, code=code)
    assert not configuration(machine).exists()


def shown(machine):
    plan = json.loads(tokentrack(machine, "plan", "show", "--json"))["plan"]
    names = ("credits", "credits_source", "billing_day", "billing_day_source")
    return tuple(plan[name] for name in names)


def test_credits_and_billing_day_are_the_accounts_unless_they_are_set(machine):
    tokentrack(machine, "plan", "set", "pro")
    assert shown(machine) == ("1000", "price-list", 1, "default")
    IdeStorage(KiroHome(machine.home)).account(412.5, 1050, resets="2026-09-12")
    assert shown(machine) == ("1050", "account", 12, "account")
    text = tokentrack(machine, "plan", "show")
    assert "for 1,050 credits (from your Kiro account)" in text
    assert "Kiro's Pro has 1,000 credits: check the plan's name." in text
    assert "begins on day 12 (from your Kiro account)" in text
    tokentrack(machine, "plan", "set", "pro", "--credits", "900", "--billing-day", "3")
    assert shown(machine) == ("900", "set", 3, "set")
    set_ten(machine)
    assert shown(machine) == ("10", "set", 12, "account")


def test_what_an_earlier_version_saved_counts_as_set(machine):
    IdeStorage(KiroHome(machine.home)).account(412.5, 1050, resets="2026-09-12")
    configuration(machine).parent.mkdir(exist_ok=True)
    plan = {"name": "Pro", "price": "20", "credits": "1000", "overage": "0.04", "billing_day": 5}
    configuration(machine).write_text(json.dumps({"plan": plan}))
    assert shown(machine) == ("1000", "set", 5, "set")


def test_an_account_without_a_sensible_limit_changes_nothing(machine):
    IdeStorage(KiroHome(machine.home)).account(412.5, 0)
    tokentrack(machine, "plan", "set", "pro")
    assert shown(machine)[:2] == ("1000", "price-list")


def test_costs_follow_the_account(priced):
    tokentrack(priced, "plan", "set", "pro")
    assert document(priced)["total"]["cost"]["amount"] == "0.28"
    IdeStorage(KiroHome(priced.home)).account(1, 10)
    # Two dollars a credit for 10 credits, then 4 cents.
    assert document(priced)["total"]["cost"]["amount"] == "20.16"


def test_costs_are_split_where_the_plan_ends(priced):
    set_ten(priced)
    found = document(priced)
    # 8 and 2 at half a dollar, then 4 at two dollars.
    assert {row["workspace"]: row["cost"] for row in found["rows"]} == {
        "web": {"amount": "4", "currency": "USD", "basis": "plan"},
        "api": {"amount": "9", "currency": "USD", "basis": "plan"},
    }
    assert found["total"]["cost"]["amount"] == "13"
    only = document(priced, "--workspace", "api")
    assert only["total"]["cost"]["amount"] == "9"
    listed = document(priced, "--cost", "list")
    assert listed["total"]["cost"] == {"amount": "28", "currency": "USD", "basis": "list"}


def test_the_basis_is_printed_where_money_is(priced):
    set_ten(priced)
    text = tokentrack(priced, "report", "workspace")
    assert "$13.00" in text
    assert "cost by plan Ten: $0.5 a credit" in text
    assert "$2 after 10" in text
    assert "list rate: $2 a credit" in tokentrack(priced, "report", "--cost", "list")
    shown = tokentrack(priced, "report", "workspace", "--show", "turns")
    assert "$" not in shown


def test_without_a_plan_no_dollar_is_shown(priced):
    assert "$" not in tokentrack(priced, "report", "workspace")
    assert document(priced)["total"]["cost"] is None
    text = tokentrack(priced, "report", "--show", "cost", code=1)
    assert "cost needs a plan: `tokentrack plan set` sets it" in text
    text = tokentrack(priced, "report", "--prices-as-of", "2026-01-01", code=1)
    assert "cost needs a plan: `tokentrack plan set` sets it" in text
    text = tokentrack(priced, "report", "--cost", "list")
    assert "No cost is shown: `tokentrack plan set pro` sets a plan." in text
    assert "No cost" not in tokentrack(priced, "report")


def test_a_damaged_plan_costs_no_answer(priced):
    configuration(priced).parent.mkdir(exist_ok=True)
    configuration(priced).write_text('{"plan": {"name": "x", "price": "-1"}}')
    text = tokentrack(priced, "report", "workspace")
    assert "Warning: no cost is shown" in text
    assert "price must be a number" in text
    assert "14.0" in text
    assert "tokentrack plan set" in tokentrack(priced, "plan", "show", code=1)


def test_unknown_credits_have_no_cost(machine):
    set_ten(machine)
    machine.send("Stop")
    assert document(machine)["total"]["cost"] is None
    assert "–" in tokentrack(machine, "report")


def test_csv_has_the_exact_amount(priced):
    set_ten(priced)
    lines = tokentrack(priced, "report", "workspace", "--format", "csv").splitlines()
    at = lines[0].split(",").index("cost")
    assert sum(Decimal(line.split(",")[at]) for line in lines[1:]) == 13


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(priced, columns):
    set_ten(priced)
    env = {"COLUMNS": str(columns)}
    for words in (["report", "workspace"], ["report", "model", "--show", "cost,credits"]):
        text = tokentrack(priced, *words, env=env)
        assert all(width_of(line) <= columns for line in text.splitlines())
        assert "cost" in text
