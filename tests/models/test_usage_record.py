"""Whose row it is: one rule for the hook, the Python API, an import and the reports."""

import json
import os
import subprocess
import sys
import time

import pytest

from support.imported import summary, tokentrack
from support.kiro import latest
from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from support.priced_turns import add_turn

SYSTEM = {"LOGNAME": "log", "USER": "ada", "USERNAME": "windows"}
USER_FILE = "token_tracker_config.json"


def hooked(machine, variables, *arguments, **configuration):
    """Run a turn's hook with these variables; return the user of its row."""
    del machine.environment["USER"]
    if configuration:
        machine.users.folder.mkdir(exist_ok=True)
        (machine.users.folder / USER_FILE).write_text(json.dumps(configuration))
    machine.hook({"hook_event_name": "Stop", "session_id": "s"}, *arguments, env=variables)
    return machine.usage()[0]["user"]


NAMES = [
    (SYSTEM, (), {}, "log"),
    ({"USER": "ada", "USERNAME": "windows"}, (), {}, "ada"),
    ({"LOGNAME": "", "USERNAME": "windows"}, (), {}, "windows"),
    (SYSTEM, ("--tag", "user=tag"), {}, "tag"),
    ({**SYSTEM, "TOKENTRACK_TAGS": "user=tags"}, (), {}, "tags"),
    ({**SYSTEM, "TOKENTRACK_TAGS": "user=tags"}, ("--tag", "user=tag"), {}, "tag"),
    (SYSTEM, ("--tag", "user=tag"), {"user": "file"}, "file"),
    (SYSTEM, ("--tag", "user=tag"), {"user": ""}, ""),
    (SYSTEM, (), {"user": None}, "log"),
    ({**SYSTEM, "KIRO_TOKEN_TRACKER_USER": "variable"}, (), {"user": "file"}, "variable"),
]


@pytest.mark.parametrize(("variables", "arguments", "configuration", "expected"), NAMES)
def test_the_hook_takes_the_first_name_that_there_is(
    machine, variables, arguments, configuration, expected
):
    assert hooked(machine, variables, *arguments, **configuration) == expected


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there is no password database")
def test_without_a_variable_the_password_database_has_the_name(machine):
    import pwd

    assert hooked(machine, {}) == pwd.getpwuid(os.getuid()).pw_name


def test_a_workspace_may_leave_the_name_out_but_not_choose_it(machine):
    machine.configure(user="somebody", trusted=False)
    machine.send("Stop", "one")
    machine.configure(user="", trusted=False)
    machine.send("Stop", "two")
    machine.configure(user="somebody")
    machine.send("Stop", "three")
    assert [row["user"] for row in machine.usage()] == ["ada", "", "somebody"]


API = """
from tokentrack import TokenTracker
from tokentrack.models import TokenTransaction, TrackerConfig
from tokentrack.usage import UsageTracker

TokenTracker().record_transaction("p", 5, 1.0)
TokenTracker().record_transaction("p", 5, 1.0, context={"user": "tag"})
TokenTracker(TrackerConfig(user="argument")).record_transaction("p", 5, 1.0, {"user": "tag"})
with UsageTracker(".kiro/token_usage.csv") as tracker:
    tracker.track_request("s", "m", 1, 1)
"""


def test_the_api_follows_the_same_rule(machine):
    subprocess.run([sys.executable, "-c", API], cwd=machine.root, env=machine.environment,
                   check=True)  # fmt: skip
    assert [row["user"] for row in machine.usage()] == ["ada", "tag", "argument", "ada"]


@pytest.fixture
def history(machine):
    """Return a machine whose Kiro has a turn with credits in the workspace."""
    V1Session(KiroHome(machine.home), str(machine.root)).turn([0.5])
    return machine


@pytest.mark.parametrize(("words", "expected"), [((), "ada"), (("--user", "bob"), "bob")])
def test_imported_turns_get_the_name_of_the_option_or_of_the_user(history, words, expected):
    assert summary(history, *words)["added"] == 1
    (row,) = history.usage()
    assert (row["user"], row["credits"]) == (expected, "0.5")


def test_a_later_import_fills_only_cells_that_are_empty(history):
    history.configure(user="")
    summary(history)
    assert summary(history, "--user", "bob")["named"] == 1
    (row,) = latest(history).values()
    assert (row["user"], row["credits"]) == ("bob", "0.5")
    found = summary(history, "--user", "eve")
    assert (found["named"], found["skipped"]) == (0, {"already in the ledger": 1})
    assert len(history.usage()) == 2


def test_rows_of_another_ledger_keep_their_user_and_are_not_mine(machine, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    add_turn(other, "e-1", 1_700_000_000_000_000, "1", user="eve")
    add_turn(other, "e-2", 1_700_000_000_000_000, "2")
    with (other / "token_transactions.csv").open("a") as file:  # without a usage row
        file.write("2026-01-15T10:30:45.123Z,p,5,1.5,s1,ws,agentExecutionCompleted,e-3,,h,false,\n")
    summary(machine, other / "token_transactions.csv")
    assert [row["user"] for row in latest(machine).values()] == ["eve", "", ""]
    assert latest(machine)["e-3"]["machine"] == ""
    assert "2 rows" in tokentrack(machine, "import", "--user", "bob", "--dry-run",
                                  other / "token_transactions.csv")  # fmt: skip
    summary(machine, "--user", "bob", other / "token_transactions.csv")
    assert [row["user"] for row in latest(machine).values()] == ["eve", "bob", "bob"]


def test_an_empty_name_is_refused(machine):
    assert "1 to 256 characters" in tokentrack(machine, "import", "--user", "", code=2)


def cost(machine, **env):
    text = tokentrack(machine, "report", "workspace", "--json", env=env)
    return json.loads(text)["total"]["cost"]["amount"]


def test_reports_price_the_rows_of_the_same_user_as_mine(machine):
    add_turn(machine.folder, "e-1", time.time_ns() // 1000, "3", user="bob")
    tokentrack(machine, "plan", "set", "Ten", "--price", "5", "--credits", "10", "--overage", "2")
    mine, others = "1.5", "6"
    assert cost(machine) == others
    assert cost(machine, USER="bob") == mine
    assert cost(machine, LOGNAME="eve", USER="bob") == others
    assert cost(machine, TOKENTRACK_TAGS="user=bob") == mine
    assert cost(machine, KIRO_TOKEN_TRACKER_USER="bob") == mine
    assert cost(machine, USER="bob", KIRO_TOKEN_TRACKER_USER="") == mine
