"""scripts/try plays a turn of every Kiro, and notices a hook that is broken."""

import json
import re
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from support import EXAMPLES

TURNS = sorted((EXAMPLES / "turns").glob("*.json"))
BIN = Path(sys.executable).parent
REAL = f'"{BIN}/tokentrack" "$@"'


@pytest.fixture
def fake_bin(tmp_path):
    """Make a folder with a tokentrack whose hook runs are a shell's doing."""

    def make(hook_run):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "tokentrack"
        program.write_text(f"#!/bin/sh\n[ $1 != hook-run ] || {{ {hook_run}; }}\nexec {REAL}\n")
        program.chmod(0o755)
        return folder

    return make


@pytest.mark.parametrize("path", TURNS, ids=lambda path: path.stem)
def test_a_turn_names_its_surface_and_version_and_says_that_it_is_synthetic(path):
    turn = json.loads(path.read_text("utf-8"))
    assert path.name.startswith(f"{turn['surface']}-{turn['version']}-")
    assert turn["origin"].startswith("synthetic; ")
    assert all(event["trigger"] for event in turn["events"])
    assert len(turn["expect"]["ledger"]) == 12


def test_every_surface_has_a_turn():
    surfaces = {json.loads(path.read_text("utf-8"))["surface"] for path in TURNS}
    assert surfaces == {"ide-0", "v1", "cli-2", "crew", "api"}


def test_ide_0_keeps_stdin_open_and_no_other_surface_does():
    for path in TURNS:
        turn = json.loads(path.read_text("utf-8"))
        stays_open = [event["stdin_stays_open"] for event in turn["events"]]
        assert stays_open == [turn["surface"] == "ide-0"] * len(stays_open)


@pytest.mark.slow
def test_try_plays_every_turn_and_leaves_nothing_behind(runner):
    output, errors = runner.run("try_turns.py", "--bin", BIN)
    assert errors == ""
    assert f"{len(TURNS)} turns, {len(TURNS)} rows, every hook silent" in output
    assert output.count("one row, as expected") == len(TURNS)
    assert "4 executions updated" in output
    numbers = re.search(r"(\d+) synthetic turns, ([\d.]+) credits", output)
    turns, amount = int(numbers[1]) + len(TURNS), Decimal(numbers[2]) + Decimal("2.8")
    total = re.findall(rf"^total +{turns:,} +([\d,]+\.\d) ", output, re.MULTILINE)
    assert total == [f"{amount:,.1f}"], "the reports have the turns and the synthetic history"
    assert runner.left_behind() == []


@pytest.mark.slow
def test_the_turns_and_rows_fit_a_narrow_terminal(runner):
    output, _ = runner.run("try_turns.py", "--bin", BIN, COLUMNS="60")
    turns = output[output.index("\nTurns") : output.index("\nThe credits arrive")]
    rows = output[output.index("\nThe rows") : output.index("\nA synthetic")]
    answers = output[output.index("\ntokentrack overview\n") :]
    assert max(len(line) for line in (turns + rows + answers).splitlines()) <= 60


@pytest.mark.slow
def test_try_keeps_the_workspace_when_asked(runner):
    output, _ = runner.run("try_turns.py", "--bin", BIN, "--keep")
    (kept,) = runner.left_behind()
    assert f"kept: {kept}" in output
    assert (kept / "workspace" / ".kiro" / "token_transactions.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook_run", "finding"),
    [
        pytest.param("exit 0", "it became 0 rows instead of 1", id="records nothing"),
        pytest.param("echo noise", "printed b'noise", id="prints"),
        pytest.param("echo noise >&2", "printed b'noise", id="prints on stderr"),
        pytest.param(f"{REAL}; exit 2", "exit code 2", id="fails"),
        pytest.param("unset USER_PROMPT", "prompt_text is ''", id="loses the prompt"),
    ],
)
def test_try_notices_a_hook_that(hook_run, finding, fake_bin, runner):
    _, errors = runner.run("try_turns.py", "--bin", fake_bin(hook_run), code=1)
    assert finding in errors
    assert runner.left_behind() == []


@pytest.mark.slow
def test_try_notices_a_turn_that_becomes_two_rows(fake_bin, runner):
    real = f'{REAL} <"$HOME/payload"'
    again = "KIRO_TOKEN_TRACKER_DUPLICATE_WINDOW_SECONDS=0"
    twice = f'cat >"$HOME/payload"; {real}; {again} {real}'
    with_payload = f'case "$*" in *"--event Stop") {twice}; exit;; esac'
    _, errors = runner.run("try_turns.py", "--bin", fake_bin(with_payload), code=1)
    assert "v1-1.x-turn: it became 2 rows instead of 1" in errors


def test_try_says_that_tokentrack_is_missing(tmp_path, runner):
    _, errors = runner.run("try_turns.py", "--bin", tmp_path, code=2)
    assert "there is no tokentrack in" in errors
