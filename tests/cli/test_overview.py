"""`tokentrack` alone: the overview, in every state and at every width."""

import csv
import io
import json
import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from support.imported import credits_of, tokentrack
from support.kiro_homes import build
from support.overviews import document, overview
from support.priced_turns import DAY, add_turn
from tokentrack.reports.render.screen import width_of
from tokentrack.usage import UsageTracker

UTC_ZONE = ("--tz", "UTC")


def since_the_first(rows, day):
    return [row for row in rows if row["timestamp"][:7] == day.strftime("%Y-%m")]


def test_it_has_the_numbers_of_the_files(busy):
    found = document(busy, *UTC_ZONE)
    by_id = {row["agent_execution_id"]: Decimal(row["credits"]) for row in busy.usage()}
    today = datetime.now(UTC)
    month = since_the_first(busy.rows(), today)
    expected = sum(by_id[row["agent_execution_id"]] for row in month)
    assert Decimal(found["total"]["credits"]) == expected
    assert sum(Decimal(row["credits"]) for row in found["rows"]) == expected
    assert sum(Decimal(row["credits"]) for row in found["workspaces"]) == expected
    assert sum(Decimal(row["credits"]) for row in found["models"]) == expected
    failed = [row for row in month if row["error_occurred"] == "true"]
    assert found["total"]["failed"] == len(failed)
    spent = sum(by_id[row["agent_execution_id"]] for row in failed)
    assert Decimal(found["total"]["credits_failed"]) == spent
    assert found["today"]["turns"] == 1
    assert found["today"]["credits"] == "1.25"


def test_it_is_compared_with_the_same_days_of_last_month(busy):
    found = document(busy, *UTC_ZONE)["last_month"]
    by_id = {row["agent_execution_id"]: Decimal(row["credits"]) for row in busy.usage()}
    days = [
        row
        for row in busy.rows()
        if found["first_day"] <= row["timestamp"][:10] <= found["last_day"]
    ]
    today = datetime.now(UTC).day
    assert found["first_day"].endswith("-01")
    assert int(found["last_day"][-2:]) in {today, 28, 29, 30}
    assert found["turns"] == len(days)
    assert Decimal(found["credits"]) == sum(by_id[row["agent_execution_id"]] for row in days)


def test_the_document_is_the_report_of_the_days_and_more(busy):
    shown = ("--show", "turns,credits,tokens,time,failed,wasted")
    found = document(busy)
    report = json.loads(overview(busy, "report", "day", "--json", *shown))
    assert list(found) == [
        "schema_version", "command", "generated_at", "query", "rows", "total", "today",
        "plan", "last_month", "workspaces", "models", "most_expensive_today", "provenance",
    ]  # fmt: skip
    assert found["command"] == "overview"
    own = found["query"]["filters"].pop("user")
    assert own[-1] == ""
    for name in ("schema_version", "query", "rows", "total", "provenance"):
        assert found[name] == report[name]


def test_the_index_and_the_files_alone_give_the_same_overview(busy):
    found, alone = document(busy), document(busy, "--no-index")
    assert (found["provenance"].pop("source"), alone["provenance"].pop("source")) == (
        "index", "scan",
    )  # fmt: skip
    assert found.pop("generated_at")
    assert alone.pop("generated_at")
    assert found == alone


def test_every_way_to_ask_for_it(busy):
    text = overview(busy)
    assert "Kiro usage · all workspaces" in text
    assert overview(busy, "overview") == text
    assert "Usage: tokentrack" in overview(busy, "--help")
    assert "tokentrack, version" in overview(busy, "--version")
    assert "· this workspace ·" in overview(busy, "--here")
    assert "No such option" in overview(busy, "--jsno", code=2)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("words", [(), ("--since", "all"), ("--since", "7d", "--here")])
def test_no_line_is_wider_than_the_terminal(busy, columns, words):
    text = overview(busy, *words, columns=columns)
    assert all(width_of(line) <= columns for line in text.splitlines())
    plain = overview(busy, *words, "--ascii", columns=columns)
    assert plain.isascii()
    assert len(plain.splitlines()) == len(text.splitlines())
    for needed in ("credits", "By workspace", "By model", "Failed turns"):
        assert needed in text


def test_a_change_is_that_of_the_days_that_its_line_names(machine):
    for number in range(60):
        add_turn(machine.folder, f"e-{number}", time.time_ns() // 1000 - number * DAY, "1")
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # so the billing month is nearly over
    machine.environment["TZ"] = "UTC"
    tokentrack(machine, "plan", "set", "pro", "--billing-day", str(tomorrow.day))
    narrow = overview(machine, columns=40)
    assert re.search(r"^  Last 24 days  \S{24}$", narrow, re.MULTILINE)
    assert re.search(r"^  Billing month [+-]\d+ % vs ", narrow, re.MULTILINE)
    wide = overview(machine, columns=100)
    assert re.search(r"^  Daily         \S+   [+-]\d+ % vs ", wide, re.MULTILINE)


def test_the_rest_of_a_list_is_one_line(busy):
    text = overview(busy, "--since", "all")
    assert "    2 more " in text
    assert "    3 more " in text


def test_colours_only_repeat_what_is_written(busy):
    text = overview(busy, "--color", "always")
    assert "\x1b[31m  Failed turns" in text
    for code in ("\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        text = text.replace(code, "")
    assert text == overview(busy)


def test_csv_and_markdown_have_the_same_numbers(busy):
    found = document(busy)
    rows = list(csv.DictReader(io.StringIO(overview(busy, "--format", "csv"))))
    by_section = {}
    for row in rows:
        by_section.setdefault(row["section"], []).append(row["credits"])
    assert by_section == {
        "today": [found["today"]["credits"]],
        "day": [row["credits"] for row in found["rows"]],
        "workspace": [row["credits"] for row in found["workspaces"]],
        "model": [row["credits"] for row in found["models"]],
    }
    assert f"| {found['total']['credits']} |" in overview(busy, "--format", "markdown")


def test_an_imported_home_has_its_credits_to_the_last_digit(machine):
    build(machine.home, 7)
    tokentrack(machine, "import", "--all")
    found = document(machine, "--since", "all")
    assert Decimal(found["total"]["credits"]) == credits_of(machine.users)
    assert found["last_month"] is None


def test_a_name_can_not_steer_the_terminal(machine):
    add_turn(
        machine.folder, "e-1", time.time_ns() // 1000, "1", workspace_folder="a\x1b]0;x\x07\u202eb"
    )
    text = overview(machine)
    assert "\x1b" not in text
    assert "\\x1b]0;x\\x07\\u202eb" in text


def test_the_most_expensive_turns_of_today_come_with_their_prompts(machine):
    now = time.time_ns() // 1000
    for number, amount in enumerate(["1", "", "4.5", "3", "2"]):
        add_turn(machine.folder, f"e-{number}", now - number, amount, prompt_text=f"ask {number}")
    add_turn(machine.folder, "e-old", now - 3 * DAY, "9", prompt_text="old")
    found = document(machine, *UTC_ZONE)["most_expensive_today"]
    assert [(row["credits"], row["prompt"]) for row in found] == [
        ("4.5", "ask 2"), ("3", "ask 3"), ("2", "ask 4"),
    ]  # fmt: skip
    text = overview(machine, *UTC_ZONE)
    assert [line.split()[0] for line in text.splitlines() if " ask " in line] == [
        "4.50", "3.00", "2.00",
    ]  # fmt: skip
    assert "old" not in text
    assert "Most expensive today" not in overview(machine, "--until", "yesterday", "--since", "9d")


# Empty states.


def test_nothing_recorded_says_how_to_begin(machine):
    text = overview(machine)
    assert "Nothing is recorded here yet." in text
    assert "`tokentrack init`" in text
    assert "tokentrack import" not in text
    assert "0" not in text.partition("\n")[2]
    assert overview(machine, "--here") == text.replace("all workspaces", "this workspace")
    assert document(machine)["rows"] == []
    assert not (machine.folder / "token_transactions.csv").exists()


def test_with_hooks_the_next_step_is_a_turn(machine):
    tokentrack(machine, "init")
    text = overview(machine)
    assert "Run a turn in Kiro." in text
    assert "`tokentrack init`" not in text


@pytest.mark.parametrize("has_ledger", [False, True])
def test_history_on_the_disk_is_offered(machine, has_ledger):
    build(machine.home, 7)
    if has_ledger:
        add_turn(machine.folder, "e-1", 0, "1")
        (machine.folder / "token_usage.csv").unlink()
        ledger = machine.folder / "token_transactions.csv"
        ledger.write_bytes(ledger.read_bytes().partition(b"\n")[0] + b"\n")
    text = overview(machine)
    assert "`tokentrack import`" in text
    assert "`tokentrack import --all`" in text
    (number,) = re.findall(r"\(sessions and files: (\d+)\)", text)
    assert 5 < int(number) < 1000
    assert ("No turn is recorded yet." in text) == has_ledger
    assert ("`tokentrack init`" in text) != has_ledger


def test_turns_without_credits_name_reconcile(machine):
    machine.send("Stop")
    text = overview(machine)
    assert "Credits of 1 turn are pending. Run `tokentrack reconcile` to add" in text
    assert "– credits   1 turn" in text
    assert "0.0 credits" not in text
    assert document(machine)["total"]["credits"] is None


def test_turns_at_other_times_only_are_named(machine):
    add_turn(machine.folder, "e-1", 1_700_000_000_000_000, "1")
    text = overview(machine)
    assert "No turn this month. 1 turn was recorded at other times." in text
    assert "--since all" in text
    assert "1.0 credits" in overview(machine, "--since", "all")


def test_a_filter_without_a_match_is_named(busy):
    text = overview(busy, "--workspace", "webb")
    assert "workspace webb" in text
    assert "(did you mean `web`? " in text


def test_today_without_a_turn_is_no_zero(machine):
    add_turn(machine.folder, "e-1", time.time_ns() // 1000 - 2 * DAY, "1")
    text = overview(machine, "--since", "30d", *UTC_ZONE)
    assert "no turn since midnight (UTC)" in text
    assert "Today" not in overview(machine, "--since", "30d", "--until", "yesterday")


def test_strict_and_a_skipped_row(busy):
    with (busy.folder / "token_transactions.csv").open("a") as file:
        file.write("a,b\n")
    assert "1 row skipped" in overview(busy)
    for words in ((), ("--json",), ("--format", "csv")):
        assert overview(busy, "--strict", *words, code=1)


def test_asking_changes_no_file_of_the_workspace(busy):
    before = {p: p.stat().st_mtime_ns for p in busy.root.rglob("*")}
    overview(busy)
    overview(busy, "--no-index")
    assert {p: p.stat().st_mtime_ns for p in busy.root.rglob("*")} == before


def test_with_tracked_requests_alone_nothing_is_said_of_credits(machine):
    tokentrack(machine, "plan", "set", "pro")
    words = (*UTC_ZONE, "--user", "!other")  # the test's user is not the machine's
    with UsageTracker(machine.home / ".kiro" / "token_usage.csv") as tracker:
        tracker.track_request("research", "claude-sonnet-4.5", 2000, 1000)
    text = overview(machine, *words)
    assert "– credits" not in text
    assert "reported by Kiro" not in text
    assert re.search(r"Today +\$0\.02 +1 turn", text)
    found = document(machine, *words)
    # 2000 at $3 and 1000 at $15 a million
    cost = {"amount": "0.021", "currency": "USD", "basis": "token-prices"}
    assert found["total"]["cost"] == found["today"]["cost"] == cost
    assert [row["cost"] for row in found["models"]] == [cost]
    add_turn(machine.folder, "e-1", time.time_ns() // 1000, "1.5")
    mixed = document(machine, *words)["models"]
    assert {row["model"]: row["cost"]["basis"] for row in mixed} == {
        "claude-sonnet-4.5": "token-prices", "auto": "plan",
    }  # fmt: skip
    assert "1.5 credits" in overview(machine, *words)
