"""A report next to another time: every number equals the oracle's."""

import csv
import io
import json
from datetime import date, timedelta

import pytest

from support import oracle_parts
from support.imported import tokentrack
from support.priced_turns import add_turn
from support.report_changes import ChangingWorld
from support.report_check import Reference, plain
from tokentrack.common.timestamps import now_us

DAY = 86_400_000_000


@pytest.fixture
def world(tmp_path):
    """Return a world whose turns are of about a year."""
    made = ChangingWorld(tmp_path / "files", 21)
    for _ in range(110):
        made.append()
        if made.random.random() < 0.3:
            made.supersede()
            made.duplicate()
    return made


def spans(world):
    """Return two spans of the world's days, of which neither is empty nor as long as the other."""
    low, high = (parse_day(at) for at in Reference(world.paths).bounds())
    third = (high - low) // 3
    return (low + 2 * third, high), (low + third // 2, low + third + third // 2)


def parse_day(at):
    return date(1970, 1, 1) + timedelta(microseconds=at)


def document(machine, world, *words):
    files = [word for ledger in world.ledgers for word in ("--file", str(ledger.folder))]
    return json.loads(tokentrack(machine, "report", "--json", "--tz", "UTC", *words, *files))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["credits", "turns", "tokens", "time", "failed", "wasted"])
@pytest.mark.parametrize("by", [
    ["workspace"], ["day"], ["week"], ["month"], ["weekday", "model"], ["session"], ["tag"],
])  # fmt: skip
def test_every_row_of_both_times_equals_the_oracles(machine, world, by, metric):
    now, then = spans(world)
    found = document(
        machine, world, *by, "--sort", metric, "--since", now[0].isoformat(),
        "--until", now[1].isoformat(), "--vs", f"{then[0]}..{then[1]}",
    )  # fmt: skip
    key_of = {"time": "seconds", "wasted": "credits_failed"}.get(metric, metric)
    inside = {"time": "micros"}.get(metric, key_of)
    expected = oracle_parts.compared(Reference(world.paths).found, by, inside, now, then, "UTC")
    got = {
        **{tuple(row[name] for name in by): row for row in found["rows"]},
        ("total",): found["total"],
    }
    assert len(got) == len(found["rows"]) + 1, "a row is there twice"
    assert {key: shown(row, key_of) for key, row in got.items()} == {
        key: tuple(as_json(value, key_of) for value in values) for key, values in expected.items()
    }
    if by == ["day"] and metric == "turns":  # some were only then, and some are only now
        assert not all(value for value, _, _ in expected.values())
        assert not all(was for _, was, _ in expected.values())


def shown(row, metric):
    return row[metric], row["before"], row["change"]


def as_json(value, metric):
    if value is None:
        return None
    if metric == "seconds":
        return round(value / 10**6, 6)
    return plain(value) if metric.startswith("credits") else value


def test_unknown_stays_unknown_in_a_change(machine):
    now = now_us()
    for name, at, amount, workspace in (
        ("a", now, "", "web"), ("b", now - DAY, "2", "web"), ("c", now, "0.50", "api"),
        ("d", now - DAY, "", "api"), ("e", now, "1.25", "docs"), ("f", now - DAY, "3.5", "gone"),
    ):  # fmt: skip
        add_turn(machine.folder, name, at, amount, workspace_folder=workspace)
    words = ["report", "workspace", "--since", "today", "--vs", "yesterday"]
    found = json.loads(tokentrack(machine, *words, "--json"))
    assert {row["workspace"]: shown(row, "credits") for row in found["rows"]} == {
        "web": (None, "2", None), "api": ("0.5", None, None), "docs": ("1.25", "0", "1.25"),
        "gone": ("0", "3.5", "-3.5"),
    }  # fmt: skip
    assert found["query"]["vs"]["metric"] == "credits"
    rows = list(csv.DictReader(io.StringIO(tokentrack(machine, *words, "--format", "csv"))))
    assert [(row["before"], row["change"]) for row in rows if row["workspace"] == "gone"] == [
        ("3.5", "-3.5"),
    ]  # fmt: skip
    text = tokentrack(machine, *words)
    (line,) = [line for line in text.splitlines() if line.startswith("web")]
    assert line.split()[2:5] == ["–", "2.0", "–"]
    assert "| gone | 0 | 0 | 3.5 | -3.5 |" in tokentrack(machine, *words, "--format", "markdown")


def test_rows_can_be_sorted_by_their_change(machine):
    now = now_us()
    for name, at, amount in (("a", now, "5"), ("b", now, "1"), ("c", now - DAY, "4")):
        add_turn(machine.folder, name, at, amount, workspace_folder=name)
    words = ["report", "workspace", "--since", "today", "--vs", "yesterday", "--json", "--sort"]
    order = {
        sort: [row["workspace"] for row in json.loads(tokentrack(machine, *words, sort))["rows"]]
        for sort in ("change", "-change", "before", "workspace", "-workspace")
    }
    assert order == {
        "change": ["a", "b", "c"], "-change": ["c", "b", "a"], "before": ["c", "a", "b"],
        "workspace": ["a", "b", "c"], "-workspace": ["c", "b", "a"],
    }  # fmt: skip
    cut = json.loads(tokentrack(machine, *words, "change", "-n", "1"))
    assert [row["workspace"] for row in cut["rows"]] == ["a"]
    assert cut["total"]["turns"] == 2


def test_rows_of_the_time_before_alone_come_last_with_the_largest_first(machine):
    now = now_us()
    add_turn(machine.folder, "a", now, "1", workspace_folder="now")
    for name, amount in (("b", "2"), ("c", "9"), ("d", "5")):
        add_turn(machine.folder, name, now - DAY, amount, workspace_folder=name)
    words = ["report", "workspace", "--since", "today", "--vs", "yesterday", "--json"]
    rows = json.loads(tokentrack(machine, *words))["rows"]
    assert [row["workspace"] for row in rows] == ["now", "c", "d", "b"]


def test_costs_are_compared_as_money(machine):
    tokentrack(machine, "plan", "set", "Ten", "--price", "5", "--credits", "10", "--overage", "2")
    now = now_us()
    add_turn(machine.folder, "a", now, "1", workspace_folder="web")
    add_turn(machine.folder, "b", now - DAY, "3", workspace_folder="web")
    words = ["report", "workspace", "--since", "today", "--vs", "yesterday", "--sort", "cost"]
    (row,) = json.loads(tokentrack(machine, *words, "--json", "--cost", "list"))["rows"]
    assert [row[name]["amount"] for name in ("cost", "before", "change")] == ["2", "6", "-4"]
    assert "-$4.00" in tokentrack(machine, *words, "--cost", "list")
