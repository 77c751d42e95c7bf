"""`e` and `?` follow the tokens of those rows that have estimates, or tokens of unknown origin."""

import json

import pytest

from support.imported import tokentrack
from support.report_world import LEDGER, START, USAGE, ReportWorld

RANGE = ("--since", "all", "--tz", "UTC")


@pytest.fixture
def world(machine, tmp_path):
    """Return files with turns of three models: reported, estimated, and of unknown origin."""
    world = ReportWorld(tmp_path / "files", 1, ledgers=1)
    (ledger,) = world.ledgers
    for number, basis in enumerate(("reported", "estimated", "unknown", "")):
        identity, at = f"e-{number}", START + number
        fields = {"token_basis": basis, "model": f"m-{number}", "credits": "1", "source_id": ""}
        counts = {"input_tokens": "900", "output_tokens": "", "cached_tokens": ""}
        if basis:
            world.write(ledger, USAGE, world.usage(identity, at, **fields, **counts))
        tokens = {"tokens_used": "700", "elapsed_time": "10"}
        world.write(ledger, LEDGER, world.row(identity, at, **tokens))
    world.machine = machine
    return world


def lines_of(world, *words):
    return tokentrack(world.machine, *words, "--file", str(world.ledgers[0].folder)).splitlines()


def cells(lines, start):
    return next(line for line in lines if line.startswith(start)).split("  ")


@pytest.mark.parametrize("how", [[], ["--no-index"], ["--tz", "Asia/Kathmandu"]])
def test_each_row_is_marked_by_its_own_tokens(world, how):
    lines = lines_of(world, "report", "model", "--show", "turns,tokens,rate", *RANGE, *how)
    marks = {
        name: [cell.strip() for cell in cells(lines, name) if cell.strip()][2:4]
        for name in ("m-0", "m-1", "m-2", "–", "total")
    }
    assert marks == {
        "m-0": ["900", "90.0/s"], "m-1": ["900 e", "90.0/s e"], "m-2": ["900 ?", "90.0/s ?"],
        "–": ["700 ?", "70.0/s ?"], "total": ["3.4K e?", "85.0/s e?"],
    }  # fmt: skip
    assert "?: tokens of unknown origin" in "\n".join(lines)


def test_parts_and_other_times_have_their_own_marks(world):
    lines = lines_of(world, "report", "surface", "--breakdown", *RANGE)
    assert "900 e " in next(line for line in lines if line.startswith("  m-1"))
    assert " e" not in next(line for line in lines if line.startswith("  m-0"))
    words = ("--vs", "2025-10-01..2025-10-31", "--sort", "tokens", "--since", "2026-01-01")
    lines = lines_of(world, "report", "model", *words)
    assert "900 e" in " ".join(cells(lines, "m-1"))
    assert " e" not in " ".join(cells(lines, "m-0"))
    assert "-900 ?" in " ".join(cells(lines, "m-2"))


def test_without_such_tokens_there_is_no_mark_and_no_word(world):
    lines = lines_of(world, "report", "model", "--model", "m-0", *RANGE)
    assert "?" not in "\n".join(lines)
    lines = lines_of(world, "report", "model", "--show", "credits", *RANGE)
    assert "?" not in "\n".join(lines)


def test_a_list_of_turns_marks_them_too(world):
    lines = lines_of(world, "turns", *RANGE)
    (unknown,) = [line for line in lines if " m-2 " in line]
    assert "900 ?" in unknown
    assert lines[-1].count("?: tokens of unknown origin") == 1
    assert "?:" not in "\n".join(lines_of(world, "turns", "--model", "m-0", *RANGE))


def test_documents_keep_their_keys(world):
    plain = json.loads("\n".join(lines_of(world, "report", "model", "--json", *RANGE)))
    assert {name for row in plain["rows"] for name in row if name.startswith("tokens")} == {
        "tokens"
    }
