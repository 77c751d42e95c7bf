"""`--breakdown`: the parts of each row are those of the report with the model added."""

import csv
import io
import json

import pytest

from support import oracle
from support.imported import tokentrack
from support.report_changes import ChangingWorld
from support.report_check import Reference, numbers, numbers_of

EVERYTHING = ("--since", "all", "--tz", "UTC", "--show", "turns,credits,rate")


@pytest.fixture
def asked(machine, tmp_path):
    """Return a function that asks about a world, and the oracle's turns of it."""
    world = ChangingWorld(tmp_path / "files", 31)
    for _ in range(60):
        world.append()
        world.supersede()
    files = [word for ledger in world.ledgers for word in ("--file", str(ledger.folder))]

    def ask(*words, **options):
        return tokentrack(machine, "report", *words, *EVERYTHING, *files, **options)

    return ask, Reference(world.paths).found


@pytest.mark.parametrize("by", [["workspace"], ["month", "surface"], ["tag"]])
def test_the_parts_of_each_row_equal_the_oracles(asked, by):
    ask, found = asked
    rows = json.loads(ask(*by, "--breakdown", "--json"))["rows"]
    expected = oracle.report(found, [*by, "model"], {}, None, None, "UTC")
    del expected[("total",)]
    assert {
        (*(row[name] for name in by), part["model"]): numbers(part)
        for row in rows for part in row["breakdown"]
    } == {key: numbers_of(row) for key, row in expected.items()}  # fmt: skip
    without = json.loads(ask(*by, "--json"))["rows"]
    assert [{k: v for k, v in row.items() if k != "breakdown"} for row in rows] == without


def test_flat_formats_have_the_model_as_a_column(asked):
    ask, _ = asked
    flat = list(csv.DictReader(io.StringIO(ask("workspace", "--breakdown", "--format", "csv"))))
    assert list(flat[0])[:3] == ["workspace", "model", "turns"]
    rows = json.loads(ask("workspace", "--breakdown", "--json"))["rows"]
    assert [(row["workspace"], row["model"], row["turns"]) for row in flat] == [
        (row["workspace"] or "", part["model"] or "", str(part["turns"]))
        for row in rows for part in row["breakdown"]
    ]  # fmt: skip
    assert "| workspace | model |" in ask("workspace", "--breakdown", "--format", "markdown")


def test_a_limit_counts_rows_and_not_their_parts(asked):
    ask, _ = asked
    limited = ask("workspace", "--breakdown", "-n", "2", "--format", "csv")
    names = {row["workspace"] for row in csv.DictReader(io.StringIO(limited))}
    assert len(names) == 2
    rows = json.loads(ask("workspace", "--breakdown", "-n", "2", "--json"))["rows"]
    assert len(rows) == 2
    assert all(len(row["breakdown"]) > 1 for row in rows)


def test_parts_are_below_their_row(asked):
    ask, _ = asked
    lines = ask("workspace", "--breakdown").splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("web ")]
    assert {line.split()[0] for line in lines[at + 1 : at + 4]} == {
        "claude-sonnet-4.5", "auto", "–",
    }  # fmt: skip
    assert all(line.startswith("  ") for line in lines[at + 1 : at + 4])


@pytest.mark.parametrize("words", [["model"], ["day", "hook", "user"]])
def test_a_breakdown_needs_room_for_the_model(asked, words):
    ask, _ = asked
    assert "name at most 2 others" in ask(*words, "--breakdown", code=2)
    assert "exclude each other" in ask("day", "--breakdown", "--vs", "7d", code=2)
