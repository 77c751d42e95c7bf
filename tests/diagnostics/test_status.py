"""`tokentrack status`: the account's line, and the hint that Kiro has history."""

import json
import os
import sqlite3
import time

import pytest

from support.commands import tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from tokentrack.kiro.account import KEY

HINT = "Kiro has history here: `tokentrack import --dry-run` shows it"
USED = {"type": "CREDIT", "currentUsage": 412.5, "usageLimit": 1000}


def account(machine, hours=3, **fields):
    """Write the account's state, as the IDE saved it some hours ago; return its file."""
    path = IdeStorage(KiroHome(machine.home)).account(1, 2)
    with sqlite3.connect(path) as database:
        state = {"usageState": {"usageBreakdowns": [USED | fields]}}
        database.execute("UPDATE ItemTable SET value = ? WHERE key = ?", (json.dumps(state), KEY))
    database.close()
    at = time.time() - hours * 3600 - 60
    os.utime(path, (at, at))
    return path


def line_of(machine):
    lines = [line for line in tokentrack(machine, "status").splitlines() if "account" in line]
    return lines[0].removeprefix("account       ") if lines else None


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def test_the_files_time_is_called_what_it_is(machine):
    account(machine, hours=3)
    said = "412.50 of 1,000.00 credits as the IDE last saved it, file of 3 h ago"
    assert line_of(machine) == said
    account_facts = json.loads(tokentrack(machine, "status", "--json"))["account"]
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
    with sqlite3.connect(path, isolation_level=None) as owner:
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
    assert HINT not in tokentrack(machine, "init") + tokentrack(machine, "status")
    write(KiroHome(machine.home), machine.root)
    assert tokentrack(machine, "init").splitlines()[-1] == HINT
    assert HINT in tokentrack(machine, "status")
    assert "1 row would be added" in tokentrack(machine, "import", "--dry-run")
    tokentrack(machine, "import")
    assert len(machine.rows()) == 1
    assert HINT not in tokentrack(machine, "init") + tokentrack(machine, "status")


def test_what_kiro_wrote_since_the_first_row_is_no_history(machine):
    machine.send("Stop")
    session = V1Session(KiroHome(machine.home))
    assert HINT not in tokentrack(machine, "status")
    os.utime(session.folder, (1, 1))  # the control: a session from before
    assert HINT in tokentrack(machine, "status")
