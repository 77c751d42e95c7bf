"""Control characters are stored as escapes, and every command gives the text back."""

from __future__ import annotations

import csv
import io
import json

import pytest

from support.commands import tokentrack
from support.ledgers import HEADER, line_of, transaction

TEXT = "find \x1b[31mred\x1b[0m \u202eltr\u202c \x9d\ttab \\u001b end"
STORED = "find \\u001b[31mred\\u001b[0m \\u202eltr\\u202c \\u009d\ttab \\\\u001b end"
OLD = "find old \x1b[1m\u2066raw\u2069\x7f"


@pytest.fixture
def recorded(machine):
    """Return a machine whose ledger has a row of an earlier version and a new one."""
    old = HEADER + line_of(transaction("old", prompt_text="OLD", session_id="s-old"))
    machine.folder.joinpath("token_transactions.csv").write_bytes(old.replace(b"OLD", OLD.encode()))
    machine.send("UserPromptSubmit", prompt=TEXT)
    machine.send("Stop")
    return machine


def test_a_new_row_has_no_control_character(recorded):
    data = (recorded.folder / "token_transactions.csv").read_text("utf-8").splitlines()[-1]
    assert STORED in data


@pytest.mark.parametrize(
    "expression", ["red.*tab", r"\x1b\[31mred", r"\\u001b end", "ltr", "\u202e"]
)
@pytest.mark.parametrize("more", [[], ["--no-index"]])
def test_an_expression_is_about_the_text_and_not_about_its_escapes(recorded, expression, more):
    found = json.loads(tokentrack(recorded, "turns", "--grep", expression, "--json", *more))
    assert [turn["prompt"] for turn in found["rows"]] == [TEXT]


@pytest.mark.parametrize("expression", [r"\x1b\[1m", "old", "\u2066raw"])
def test_a_row_of_an_earlier_version_is_found_too(recorded, expression):
    found = json.loads(tokentrack(recorded, "turns", "--grep", expression, "--json"))
    assert [turn["prompt"] for turn in found["rows"]] == [OLD]


def test_the_escape_as_text_is_not_the_character(recorded):
    found = tokentrack(recorded, "turns", "--grep", r"\\u001b\[31m", "--json", code=None)
    assert TEXT not in found


def test_exports_and_single_turns_have_the_text(recorded):
    (turn,) = json.loads(tokentrack(recorded, "turns", "--grep", "tab", "--json"))["rows"]
    shown = tokentrack(recorded, "show", turn["id"], "--json")
    assert json.dumps(TEXT)[1:-1] in shown
    table = tokentrack(recorded, "turns", "--format", "csv")
    assert TEXT in [row["prompt"] for row in csv.DictReader(io.StringIO(table))]


def test_raw_controls_of_an_earlier_version_are_no_damage(recorded):
    ledger = recorded.folder / "token_transactions.csv"
    before = ledger.read_bytes()
    assert "healthy" in tokentrack(recorded, "repair")
    tokentrack(recorded, "verify")
    assert ledger.read_bytes() == before
    ledger.write_bytes(before + b"damaged,line\n")
    tokentrack(recorded, "repair")
    assert ledger.read_bytes() == before
