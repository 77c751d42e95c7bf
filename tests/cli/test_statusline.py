"""`tokentrack statusline`: one line, without waiting, that agrees with the overview."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal

import pytest

from support.commands import run
from support.hot_path import STATUSLINE, STATUSLINE_STDLIB, bare
from support.imported import tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.ledgers import posix_only
from support.priced_turns import add_turn
from tokentrack.store.paths import index_path

DAY = 86_400_000_000
HINT = "Kiro · run `tokentrack` once to see numbers here\n"
FIELDS = "{today.credits}|{today.turns}|{today.failed}|{month.credits}|{month.turns}|{days.left}"


def now():
    return time.time_ns() // 1000


@pytest.fixture
def busy(machine):
    """Return a machine with a plan, and turns on 40 days whose index is up to date."""
    machine.environment |= {"USER": "ann", "LOGNAME": "ann", "TZ": "UTC"}
    for number in range(40):
        add(machine, f"e-{number}", f"{number % 5 + 1}.25", now() - number * DAY,
            error_occurred="true" if number % 7 == 0 else "false")  # fmt: skip
    tokentrack(machine, "plan", "set", "pro+")
    tokentrack(machine)
    settle(machine)
    return machine


def add(machine, identity, credits_, at=None, **cells):
    cells = {"user": "ann", **cells}
    add_turn(machine.folder, identity, at or now(), credits_, **cells)


def settle(machine):
    """Make the files older than two seconds, and let the index see it."""
    for path in machine.folder.glob("*.csv*"):
        os.utime(path, (1_760_000_000, 1_760_000_000))
    tokentrack(machine)


def line(machine, *words, **options):
    return tokentrack(machine, "statusline", *words, **options)


def overview(machine):
    return json.loads(tokentrack(machine, "--json"))


def rounded(amount):
    return f"{Decimal(amount):,.1f}"


def index_of(machine):
    return index_path(machine.environment)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def plan_that_began_today(machine, credits_):
    tokentrack(machine, "plan", "set", "own", "--price", "20", "--overage", "0.04",
               "--credits", credits_, "--billing-day", str(time.gmtime().tm_mday))  # fmt: skip


def test_the_line_has_the_numbers_of_the_overview(busy):
    plan_that_began_today(busy, "20")
    found = overview(busy)
    used, left = Decimal(found["plan"]["used"]), found["plan"]["days_left"]
    today = rounded(found["today"]["credits"])
    percent = f"{used * 5:.0f}"
    assert line(busy) == (
        f"Kiro {today} cr today · {used:,.0f}/20 ({percent} %) · {left} days left · 1 failed\n"
    )
    assert 0 < left < 27


def test_days_are_left_out_where_the_plan_lasts_until_it_renews(busy):
    plan_that_began_today(busy, "2000")
    assert "enough at this pace" in tokentrack(busy)
    assert line(busy) == "Kiro 1.2 cr today · 1/2,000 (0 %) · 1 failed\n"
    assert int(line(busy, "--format", "{days.left}")) > 31


def test_every_field_is_the_overviews(busy):
    found = overview(busy)
    plan = found["plan"]
    assert line(busy, "--format", FIELDS) == "|".join([
        rounded(found["today"]["credits"]), str(found["today"]["turns"]),
        str(found["today"]["failed"]), rounded(plan["used"]), str(found["total"]["turns"]),
        str(plan["days_left"]),
    ]) + "\n"  # fmt: skip
    plan_fields = "{plan.name} {plan.credits} {plan.left} {{}} {month.failed}"
    failed = found["total"]["failed"]
    expected = f"Pro+ 2,000.0 {rounded(plan['left'])} {{}} {failed}\n"
    assert line(busy, f"--format={plan_fields}") == expected


def test_without_a_plan_its_parts_are_left_out_and_its_fields_unknown(busy):
    tokentrack(busy, "plan", "remove")
    assert line(busy) == "Kiro 1.2 cr today · 1 failed\n"
    assert line(busy, "--format", "{month.percent} {plan.left} {days.left}") == "– – –\n"


@pytest.mark.parametrize("has_plan", [True, False])
def test_the_accounts_plan_counts_as_in_the_overview(busy, has_plan):
    if not has_plan:
        tokentrack(busy, "plan", "remove")
    IdeStorage(KiroHome(busy.home)).account(412.5, 1234, resets="2026-09-12")
    found = overview(busy)
    fields = line(busy, "--format", "{month.credits} {month.turns} {plan.credits} {days.left}")
    month, plan = found["total"], found["plan"]
    limit, left = ("1,234.0", plan["days_left"]) if has_plan else ("–", "–")
    assert fields == f"{rounded(month['credits'])} {month['turns']} {limit} {left}\n"
    assert found["query"]["since"][8:10] == ("12" if has_plan else "01")


def test_unknown_credits_are_not_nothing(busy):
    tokentrack(busy, "plan", "remove")
    before = line(busy, "--format", "{today.turns} {today.credits}")
    add(busy, "new", "")
    assert before == "1 1.2\n"
    assert line(busy, "--format", "{today.turns} {today.credits}") == "2 1.2\n"


def test_turns_whose_credits_are_all_unknown_are_counted(machine):
    add_turn(machine.folder, "one", now(), "")
    tokentrack(machine)
    assert line(machine) == "Kiro 1 turn today\n"
    assert line(machine, "--format", "{today.credits}") == "–\n"


def test_the_last_session_of_the_workspace_or_the_named_one_is_summed(busy):
    add(busy, "a", "2.5", session_id="s-2")
    add(busy, "b", "0.25", session_id="s-2")
    add(busy, "c", "4", now() - DAY, session_id="s-3")
    fields = ("--format", "{session.credits} {session.turns}")
    tokentrack(busy)
    assert line(busy, *fields) == "2.8 2\n"
    assert line(busy, *fields, "--session", "s-3") == "4.0 1\n"
    assert line(busy, *fields, "--session=none") == "– –\n"
    assert line(busy, *fields, cwd=busy.home) == "– –\n"


def test_other_users_turns_do_not_count_but_those_without_a_user_do(busy):
    before = line(busy)
    add(busy, "other", "100", user="bob")
    tokentrack(busy)
    assert line(busy) == before
    add(busy, "nobody", "1", user="")
    assert line(busy, "--format", "{today.credits}") == "2.2\n"
    assert line(busy, "--format", "{today.credits}", env={"LOGNAME": "bob"}) == "101.0\n"
    assert line(busy, "--format", "{today.credits}", env={"TOKENTRACK_TAGS": "user=bob"}) == (
        "101.0\n"
    )
    busy.configure(user="")
    assert line(busy, "--format", "{today.credits}") == "2.2\n"


def test_days_of_another_zone_are_counted_from_the_turns(busy):
    zone = {"TZ": "Pacific/Kiritimati"}
    found = json.loads(tokentrack(busy, "--json", env=zone))
    expected = f"{found['today']['turns']} {found['plan']['days_left']}\n"
    assert line(busy, "--format", "{today.turns} {days.left}", env=zone) == expected


def test_appended_rows_are_taken_in(busy):
    add(busy, "new", "3.5")
    assert line(busy, "--format", "{today.credits}") == "4.8\n"
    done = tokentrack(busy, "--json")
    assert json.loads(done)["today"]["turns"] == 2


def test_more_than_64_kilobytes_are_left_to_the_next_command(busy):
    before = content(index_of(busy))
    add(busy, "new", "3.5", prompt_text="x" * 70_000)
    assert line(busy, "--format", "{today.credits} {plan.name}") == "~1.2 Pro+\n"
    assert line(busy).startswith("Kiro ~1.2 cr today · ~")
    assert content(index_of(busy)) == before
    tokentrack(busy)
    assert line(busy, "--format", "{today.credits}") == "4.8\n"


def test_less_than_64_kilobytes_are_not_left(busy):
    add(busy, "new", "3.5", prompt_text="x" * 60_000)
    assert line(busy, "--format", "{today.credits}") == "4.8\n"


@pytest.mark.parametrize("packed", [False, True])
def test_a_rotated_ledger_is_followed(busy, packed):
    add(busy, "before", "1")
    tokentrack(busy, *(["report"] if packed else ["statusline"]))
    tokentrack(busy, "rotate")
    archives = list(busy.folder.glob("token_*_2*.csv"))
    assert len(archives) == 2
    for path in archives if packed else ():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    add(busy, "after", "2")
    assert line(busy, "--format", "{today.credits}") == "4.2\n"


def test_an_edited_ledger_is_not_read_anew(busy):
    before = content(index_of(busy))
    ledger = busy.folder / "token_usage.csv"
    ledger.write_bytes(content(ledger).replace(b",1.25,", b",9.25,"))
    assert line(busy, "--format", "{today.credits}") == "~1.2\n"
    assert content(index_of(busy)) == before
    tokentrack(busy)
    assert line(busy, "--format", "{today.credits}") == "9.2\n"


def test_a_ledger_that_is_not_registered_makes_the_numbers_partial(busy):
    other = busy.root.parent / "other"
    add_turn_in = other / ".kiro"
    add_turn_in.mkdir(parents=True)
    add_turn(add_turn_in, "x", now(), "1")
    assert line(busy, "--format", "{today.credits}", cwd=other) == "~1.2\n"
    tokentrack(busy, cwd=other)
    assert line(busy, "--format", "{today.credits}", cwd=other) == "2.2\n"


def test_a_ledger_that_is_gone_is_behind_until_the_index_knows_it(busy):
    tokentrack(busy, cwd=busy.home)
    gone = busy.root.with_name("gone")
    busy.root.rename(gone)
    fields = ("--format", "{today.turns}")
    assert line(busy, *fields, cwd=gone.parent) == "~1\n"
    tokentrack(busy, cwd=gone.parent)
    assert line(busy, *fields, cwd=gone.parent) == "0\n"
    gone.rename(busy.root)
    assert line(busy, *fields, cwd=gone.parent) in {"1\n", "~0\n"}
    tokentrack(busy)
    assert line(busy, *fields) == "1\n"


@pytest.mark.parametrize("damage", ["missing", "empty", "no database", "other version"])
def test_without_an_index_it_says_what_to_run_and_makes_none(busy, damage):
    path = index_of(busy)
    if damage == "missing":
        os.unlink(path)
    elif damage == "other version":
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("pragma user_version = 1")
        database.close()
    else:
        with open(path, "wb") as file:
            file.write(b"x" * 5000 * (damage == "no database"))
    before = content(path) if os.path.exists(path) else None
    assert line(busy) == HINT
    assert line(busy, "--format", "{today.credits}") == "–\n"
    assert (content(path) if os.path.exists(path) else None) == before
    tokentrack(busy)
    assert line(busy, "--format", "{today.credits}") == "1.2\n"


def test_where_nothing_is_recorded_it_makes_nothing(machine):
    assert line(machine) == HINT
    assert list(machine.home.iterdir()) == []


def test_an_index_that_is_locked_is_not_waited_for(busy):
    database = sqlite3.connect(index_of(busy), isolation_level=None)
    database.execute("begin immediate")
    add(busy, "new", "3.5")
    assert line(busy, "--format", "{today.credits}") == "~1.2\n"
    database.execute("rollback")
    database.execute("begin exclusive")
    assert line(busy) == "Kiro · the ledgers are being read\n"
    assert line(busy, "--format", "{today.credits}") == "–\n"
    database.close()
    assert line(busy, "--format", "{today.credits}") == "4.8\n"


def test_an_unknown_field_is_explained(busy):
    done = run(["statusline", "--format", "{today.credit}"], busy.root, busy.environment, code=2)
    assert "unknown field {today.credit}: did you mean {today.credits}?" in done.stderr
    done = run(["statusline", "--format", "{zzzzzzzz}"], busy.root, busy.environment, code=2)
    assert "use one of today.credits, " in done.stderr
    done = run(["statusline", "--format", "a } b"], busy.root, busy.environment, code=2)
    assert "write }} for one" in done.stderr
    done = run(["statusline", "--colour"], busy.root, busy.environment, code=2)
    assert "--colour" in done.stderr


def test_signs_that_a_stream_does_not_have_are_ascii(busy):
    done = run(["statusline"], busy.root, {**busy.environment, "PYTHONIOENCODING": "ascii"})
    assert " | " in done.stdout
    assert done.stdout.isascii()


@posix_only
def test_nothing_in_its_way_reaches_the_prompt(busy):
    command = [sys.executable, "-m", "tokentrack", "statusline"]
    for redirection in (">&-", "2>&-", ">/dev/full"):
        shell = ["sh", "-c", f'"$@" {redirection}', "sh", *command]
        done = subprocess.run(shell, env=busy.environment, cwd=busy.root, capture_output=True,
                              check=True)  # fmt: skip
        assert done.stderr == b""
    gone = busy.root / "gone"
    gone.mkdir()
    shell = ["sh", "-c", 'rmdir "$PWD"; "$@"', "sh", *command]
    done = subprocess.run(shell, env=busy.environment, cwd=gone, capture_output=True, check=True)
    assert (done.stdout[:5], done.stderr) == (b"Kiro ", b"")


@pytest.mark.slow
@posix_only
def test_a_kill_at_any_moment_costs_nothing(busy):
    expected = Decimal("1.25")
    for number in range(40):
        add(busy, f"k-{number}", "0.5")
        expected += Decimal("0.5")
        process = subprocess.Popen(
            [sys.executable, "-m", "tokentrack", "statusline"], env=busy.environment,
            cwd=busy.root, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.02 + 0.002 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert line(busy, "--format", "{today.credits}") == f"{expected:.1f}\n"
    assert overview(busy)["today"]["credits"] == str(expected)


_LOADED = """
import sys
sys.argv = ["tokentrack", "statusline"]
from tokentrack.__main__ import main
main()
with open({note!r}, "w") as file:
    file.write("\\n".join(sys.modules))
"""


def loaded(machine, before=""):
    note = machine.home.parent / "modules"
    code = before + _LOADED.format(note=str(note))
    subprocess.run([sys.executable, "-I", "-c", code], check=True, env=machine.environment,
                   cwd=machine.root, stdout=subprocess.DEVNULL)  # fmt: skip
    return set(note.read_text().split()) - bare()


def test_it_loads_exactly_the_modules_of_the_list(busy):
    found = loaded(busy)
    assert found - STATUSLINE - STATUSLINE_STDLIB == set(), "are they worth their milliseconds?"
    assert STATUSLINE - found == set(), "no longer loaded: take them off the list"


def test_the_guard_sees_a_module_that_is_added(busy):
    assert loaded(busy, "import csv\n") - STATUSLINE - STATUSLINE_STDLIB >= {"csv", "_csv"}
