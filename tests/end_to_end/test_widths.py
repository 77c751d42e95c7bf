"""On a terminal of any width, no command prints a line that is wider than the terminal."""

import re

import pytest

from support.imported import tokentrack
from support.kiro_homes import build
from support.priced_turns import add_turn
from support.terminal import on_terminal
from support.without_ledger import READING
from tokentrack.cli import _COMMANDS
from tokentrack.reports.render.screen import width_of

pytestmark = pytest.mark.slow

WIDTHS = (40, 60, 80, 120, 200)
# What they print on a terminal, over a ledger with turns. Those that ask get a "no".
SCREENS = (
    "init", "status", "doctor", "doctor --self-test", "validate-hooks", "import --dry-run",
    "import", "plan set pro", "plan show", "overview", "overview --ascii", "overview --since 2d",
    "report day --since all", "report workspace model session --since all",
    "report message --failed --since all --show turns,credits,cost,tokens,time,rate,cr/turn",
    "report day --vs last-month", "report workspace --breakdown --since all", "report nothing",
    "turns", "turns -n 2", "turns --sort rate --since all", "show e-1", "show nothing",
    "workspaces", "workspaces --forget nothing", "reconcile", "verify", "repair --dry-run",
    "backup", "backup create", "backup list", "rotate --dry-run", "prune --dry-run",
    "restore --dry-run", "trust", "migrate-hooks --dry-run", "maintain", "uninstall --dry-run",
    "uninstall --all --purge --dry-run",
)  # fmt: skip
# One line for a shell prompt, a process that redraws, and one that prints nothing.
OTHERS = {"statusline", "watch", "hook-run"}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def too_wide(text, columns):
    """Return the lines that are wider than the terminal.

    A single word, such as a path, and a fix that is to be copied stay in one piece.
    """
    lines = [_ESCAPE.sub("", line) for line in text.splitlines()]
    return [
        line
        for line in lines
        if width_of(line) > columns
        and len(line.split()) > 1
        and not line.strip().startswith("fix: ")
    ]


@pytest.fixture
def used(machine):
    """Return a machine with Kiro's history, hooks, and turns of today."""
    build(machine.home)
    tokentrack(machine, "import", "--all")
    for number, prompt in enumerate(("a long prompt of many words " * 9, "日本語の質問" * 20)):
        machine.send("Stop", f"s{number}", prompt=prompt)
    add_turn(machine.folder, "e-1", 1_795_000_000_000_000, "12345.678", model="m" * 60,
             error_occurred="true", error_message="no such thing " * 9)  # fmt: skip
    return machine


def test_every_command_has_a_screen():
    assert {words.split()[0] for words in SCREENS} | OTHERS >= set(_COMMANDS)


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_is_wider_than_the_terminal(used, columns):
    found = {}
    for words in SCREENS:
        text = on_terminal(words.split(), used.root, used.environment, None, columns)
        assert text or words == "maintain", words  # nothing may be due
        if wide := too_wide(text, columns):
            found[words] = wide
    assert found == {}


def test_without_a_ledger_no_line_is_wider_either(machine):
    found = {}  # click prints its own usage errors, as for a missing file
    for words in READING.keys() - {"watch"}:  # which goes on
        text = on_terminal(words.split(), machine.root, machine.environment, None, 40)
        if not {"--json", "statusline", "other.csv"} & set(words.split()) and (
            wide := too_wide(text, 40)
        ):
            found[words] = wide
    assert found == {}


def test_a_wide_line_is_noticed(used):
    assert too_wide(tokentrack(used, "status", env={"COLUMNS": "40"}), 40), "a pipe is not wrapped"
    assert too_wide("日本 語の", 8) == ["日本 語の"]
    assert too_wide("/a/very/long/path", 8) == []
