"""`tokentrack status`: the account's line, and the hint that Kiro has history."""

import json
import os
import sqlite3
import time
from contextlib import closing

import pytest

from support.commands import tokentrack
from support.doctor import BIN
from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from support.priced_turns import add_turn
from tokentrack.common.timestamps import format_us, parse
from tokentrack.kiro.account import KEY

NO_HOOK = "PROBLEM       no hook is installed, so nothing is recorded; fix: tokentrack init"
HINT = "Kiro has history here: `tokentrack import --dry-run` shows it"
USED = {"type": "CREDIT", "currentUsage": 412.5, "usageLimit": 1000}


def status(machine):
    """Return what it says where the program is on PATH, as the hooks expect it."""
    return tokentrack(machine, "status", env={"PATH": f"{BIN}:{machine.environment['PATH']}"})


def account(machine, hours=3, **fields):
    """Write the account's state, as the IDE saved it some hours ago; return its file."""
    path = IdeStorage(KiroHome(machine.home)).account(1, 2)
    with closing(sqlite3.connect(path)) as database, database:
        state = {"usageState": {"usageBreakdowns": [USED | fields]}}
        database.execute("UPDATE ItemTable SET value = ? WHERE key = ?", (json.dumps(state), KEY))
    database.close()
    at = time.time() - hours * 3600 - 60
    os.utime(path, (at, at))
    return path


def line_of(machine):
    said = tokentrack(machine, "status", code=1)
    assert NO_HOOK in said, "nothing else is wrong"
    assert said.count("PROBLEM") == 1
    lines = [line for line in said.splitlines() if "account" in line]
    return lines[0].removeprefix("account       ") if lines else None


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def test_the_files_time_is_called_what_it_is(machine):
    account(machine, hours=3)
    said = "412.50 of 1,000.00 credits as the IDE last saved it, file of 3 h ago"
    assert line_of(machine) == said
    account_facts = json.loads(tokentrack(machine, "status", "--json", code=1))["account"]
    assert account_facts["as_of_basis"] == "file"


def test_a_time_beside_the_numbers_counts_more_than_the_files(machine):
    now = time.time()
    account(machine, hours=0, updatedAt=iso(now - 5 * 3600 - 60))
    assert line_of(machine) == "412.50 of 1,000.00 credits as of 5 h ago"
    (machine.home / ".config/Kiro/User/globalStorage/state.vscdb").unlink()
    account(machine, hours=3, updatedAt=iso(now + 3600))  # it can't be newer than the file
    assert line_of(machine).endswith("as the IDE last saved it, file of 3 h ago")


@pytest.mark.parametrize("reset", [
    1e308, -1, 0, True, 10**400, "9" * 5000, "0000-00-00T00:00:00Z", "2026-13-45T99:99:99Z",
    "+999999-01-01T00:00:00Z", "\u0662\u0660\u0662\u0666-09-01T00:00:00Z", "", [], None,
    2**63, 253402300800000, {},
])  # fmt: skip
def test_an_absurd_reset_date_is_left_out(machine, reset):
    account(machine, resetDate=reset)
    assert line_of(machine).endswith("file of 3 h ago")


def test_a_renewal_says_whether_it_is_to_come(machine):
    account(machine, resetDate="2020-01-01T00:00:00Z")
    assert line_of(machine).endswith("; that period ended 2020-01-01")
    (machine.home / ".config/Kiro/User/globalStorage/state.vscdb").unlink()
    account(machine, resetDate="9999-12-31T00:00:00Z")
    assert line_of(machine).endswith("; renews 9999-12-31")


def test_a_locked_database_is_left_out(machine):
    path = account(machine)
    with closing(sqlite3.connect(path, isolation_level=None)) as owner, owner:
        owner.execute("BEGIN EXCLUSIVE")
        assert line_of(machine) is None
        owner.execute("ROLLBACK")
    owner.close()
    assert line_of(machine) is not None


def v1(home, root):
    V1Session(home, workspace=str(root)).turn([0.5])


def ide(home, root):
    IdeStorage(home).execution([0.5], workspace=str(root))


@pytest.mark.parametrize("write", [v1, ide])
def test_history_is_pointed_out_until_it_is_imported(machine, write):
    assert HINT not in tokentrack(machine, "init") + status(machine)
    write(KiroHome(machine.home), machine.root)
    assert tokentrack(machine, "init").splitlines()[-1] == HINT
    assert HINT in status(machine)
    assert "1 row would be added" in tokentrack(machine, "import", "--dry-run")
    tokentrack(machine, "import")
    assert len(machine.rows()) == 1
    assert HINT not in tokentrack(machine, "init") + status(machine)


def test_what_kiro_wrote_since_the_first_row_is_no_history(machine):
    machine.send("Stop")
    session = V1Session(KiroHome(machine.home))
    assert HINT not in tokentrack(machine, "status")
    os.utime(session.folder, (1, 1))  # the control: a session from before
    assert HINT in tokentrack(machine, "status")


# --- what it shows ---


def facts(machine, code=0):
    return json.loads(tokentrack(machine, "status", "--json", code=code))


def test_the_hooks_of_a_surface_are_one_line_and_idle_parts_are_left_out(machine):
    tokentrack(machine, "init", "--surface", "v1", "--surface", "ide-0")
    machine.send("Stop")
    V1Session(KiroHome(machine.home))
    lines = status(machine).splitlines()
    assert [line[14:] for line in lines if line.startswith("hooks")] == [
        "v1: both run; 2 files for IDE 0.x idle"
    ]
    names = {line[:14].strip() for line in lines}
    assert names == {"recording", "hooks", "ledger", "today", "pending"}


def test_a_hook_that_does_not_fire_is_told_with_its_reason(machine):
    tokentrack(machine, "init", "--surface", "v1")
    path = machine.folder / "hooks" / "tokentrack.json"
    path.rename(path.with_suffix(".txt"))
    path.with_suffix(".txt").rename(path)
    document = json.loads(path.read_text())
    document["hooks"][0]["enabled"] = False
    path.write_text(json.dumps(document))
    machine.send("Stop")
    trigger = document["hooks"][0]["trigger"]
    assert f"v1: 1 of 2 hooks run ({trigger}: it is disabled)" in status(machine)


def test_today_and_the_ledger_count_each_turn_once(machine):
    machine.send("Stop")
    machine.send("Stop", "s2")
    ledger = machine.folder / "token_transactions.csv"
    ledger.write_bytes(ledger.read_bytes() + ledger.read_bytes().splitlines(keepends=True)[-1])
    found = facts(machine)
    assert (found["ledger"]["rows"], found["ledger"]["turns"], found["today"]["turns"]) == (3, 2, 2)
    assert (found["today"]["credits"], found["today"]["credits_unknown"]) == (None, 2)
    said = status(machine)
    assert "today         2 turns, credits unknown for all of them\n" in said
    assert "3 rows, the last less than a minute ago" in said
    assert "tokens" not in said, "no estimate leads"


def test_json_has_what_every_document_has(machine):
    machine.send("Stop")
    found = facts(machine)
    assert (found["schema_version"], found["command"]) == (1, "status")
    assert found["query"] == {"workspace": None}
    assert found["provenance"] == {"source": "index"}
    assert abs(parse(found["generated_at"]) / 1e6 - time.time()) < 100


def test_events_that_wait_are_shown_and_stay_where_they_are(machine):
    machine.send("Stop")
    with machine.locked():
        machine.send("Stop", "s2")
    (event,) = machine.waiting()
    said = tokentrack(machine, "status", "--no-reconcile")
    assert "1 event queued: the next turn or `tokentrack maintain` records them" in said
    assert machine.waiting() == [event]
    assert tokentrack(machine, "maintain") == "recorded 1 event that waited\n"
    assert "queued" not in status(machine)


def log(machine, days, text="ERROR something went wrong"):
    machine.state.mkdir(exist_ok=True)
    line = f"{format_us(int((time.time() - days * 86400) * 1e6))} {text}\n"
    with (machine.state / "tokentrack.log").open("a") as file:
        file.write(line)
    return line.strip()


@pytest.mark.parametrize(("days", "is_shown"), [(6.9, True), (7.1, False)])
def test_the_last_problem_ages_out(machine, days, is_shown):
    machine.send("Stop")
    line = log(machine, days)
    assert (line in status(machine)) == is_shown
    assert facts(machine)["waiting"]["last_error"] == (line if is_shown else None)


def test_the_last_problem_can_be_dismissed_and_a_newer_one_is_shown(machine):
    machine.send("Stop")
    line = log(machine, 1)
    assert line in status(machine)
    assert line not in tokentrack(machine, "status", "--dismiss")
    assert line not in status(machine)
    newer = log(machine, 0.5, "WARNING another one")
    assert newer in status(machine)
    tokentrack(machine, "status", "--dismiss")
    tokentrack(machine, "status", "--dismiss")  # nothing is left to dismiss
    assert newer not in status(machine)


def test_today_are_the_users_own_turns_as_in_the_overview(machine):
    machine.environment |= {"USER": "ann", "LOGNAME": "ann"}
    for identity, user in (("a", "ann"), ("b", "bob"), ("c", "")):
        add_turn(machine.folder, identity, time.time_ns() // 1000, "2", user=user)
    found = json.loads(tokentrack(machine, "status", "--json", code=None))
    assert (found["ledger"]["turns"], found["credits"]["total"]) == (3, "6")
    assert (found["today"]["turns"], found["today"]["credits"]) == (2, "4")
    overview = json.loads(tokentrack(machine, "--here", "--json"))
    assert overview["today"]["credits"] == found["today"]["credits"]
