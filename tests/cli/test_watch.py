"""`tokentrack watch` on a real terminal: what it shows, and what it leaves behind."""

import os
import re
import signal
import sys
import termios
import time

import pytest

from support.commands import run
from support.imported import tokentrack
from support.ledgers import posix_only
from support.priced_turns import add_turn
from support.terminal import Terminal

pytestmark = posix_only

BEGIN, END = "\x1b[?1049h", "\x1b[?1049l"
DAY = 86_400_000_000


@pytest.fixture
def busy(machine):
    machine.environment |= {"TERM": "xterm", "TZ": "UTC", "USER": "ann", "LOGNAME": "ann"}
    add(machine, "one", workspace_folder="web")
    add(machine, "two", workspace_folder="api")
    return machine


def add(machine, identity, ago=0, folder=None, **cells):
    add_turn(folder or machine.folder, identity, time.time_ns() // 1000 - ago, "1.5", **cells)


def watching(machine, *words, **options):
    command = [sys.executable, "-m", "tokentrack", "watch", *words]
    return Terminal(command, cwd=machine.root, env=machine.environment, **options)


def check_left(terminal, code):
    """Check how the program ends, and that the terminal is as it was before."""
    assert terminal.end() == code
    assert terminal.text.count(BEGIN) == terminal.text.count(END) == 1
    assert terminal.text.endswith(f"\x1b[?7h\x1b[?25h{END}")
    assert terminal.has_its_modes()
    assert "Traceback" not in terminal.text


def rows_of(frame):
    """Return the lines of the last frame, without colours and other codes."""
    last = frame.rpartition("\x1b[H")[2]
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip("\r") for line in last.split("\n")]


def test_it_shows_the_overview_and_each_change(busy):
    with watching(busy) as terminal:
        frame = terminal.wait_for("q quit")
        assert "3.0 credits" in frame
        assert "2 turns" in frame
        add(busy, "three")
        assert "4.5 credits" in terminal.wait_for("3 turns", "q quit")
        tokentrack(busy, "rotate")
        add(busy, "four")
        terminal.wait_for("4 turns", "6.0 credits", "q quit")
        other = busy.root.parent / "other" / ".kiro"
        other.mkdir(parents=True)
        add(busy, "five", folder=other)
        tokentrack(busy, "workspaces", cwd=other.parent)
        terminal.wait_for("5 turns", "7.5 credits", "q quit")
        terminal.press(b"q")
        check_left(terminal, 0)


def test_keys_choose_the_period_and_the_workspace(busy):
    add(busy, "old", ago=400 * DAY, workspace_folder="web")
    with watching(busy) as terminal:
        assert "This month" in terminal.wait_for("q quit")
        terminal.press(b"t")
        assert "This month" not in terminal.wait_for("Period", "q quit")
        terminal.press(b"w")
        assert "This month" not in terminal.wait_for("Period", "q quit")
        terminal.press(b"m")
        assert "This month" in terminal.wait_for("q quit")
        names = set()
        for _ in range(2):
            terminal.press(b"n")
            names.add(re.search(r"workspace (\w+)", terminal.wait_for("q quit"))[1])
        assert names == {"api", "web"}
        terminal.press(b"\t")
        assert "all workspaces" in terminal.wait_for("q quit")
        terminal.press(b"\x1b[A")  # an arrow key is not Esc
        terminal.press(b"t")
        assert "This month" not in terminal.wait_for("Period", "q quit")
        terminal.press(b"\x1b")
        check_left(terminal, 0)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_new_size_is_filled_and_never_exceeded(busy, columns):
    with watching(busy, columns=100, rows=40) as terminal:
        terminal.wait_for("q quit")
        terminal.resize(columns, 12)
        found = rows_of(terminal.wait_for("today"[:5], "\x1b[J"))
        assert len(found) == 12
        assert max(map(len, found[:-1])) <= columns
        terminal.press(b"q")
        check_left(terminal, 0)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_restores_the_terminal(busy, number, code):
    with watching(busy) as terminal:
        terminal.wait_for("q quit")
        assert not terminal.has_its_modes()
        os.kill(terminal.process.pid, number)
        check_left(terminal, code)


def test_ctrl_c_quits(busy):
    with watching(busy) as terminal:
        terminal.wait_for("q quit")
        terminal.press(b"\x03")
        check_left(terminal, 130)


def test_a_killed_one_leaves_the_terminal_as_the_checks_would_see(busy):
    with watching(busy) as terminal:
        terminal.wait_for("q quit")
        terminal.process.kill()
        terminal.end()
        assert not terminal.has_its_modes()
        with pytest.raises(AssertionError):
            check_left(terminal, -signal.SIGKILL)


FAULT = """
import sys
from tokentrack.cli import watch
from tokentrack.__main__ import main
watch._Watch._choose = lambda *_: 1 / 0
sys.argv = ["tokentrack", "watch"]
main()
"""


def test_an_error_of_its_own_restores_the_terminal(busy):
    command = [sys.executable, "-c", FAULT]
    with Terminal(command, cwd=busy.root, env=busy.environment) as terminal:
        terminal.wait_for("q quit")
        terminal.press(b"t")
        assert terminal.end() == 1
        assert terminal.has_its_modes()
        assert "ZeroDivisionError" in terminal.text.partition(END)[2]


def test_the_terminal_that_goes_away_ends_it(busy):
    terminal = watching(busy)
    with terminal:
        terminal.wait_for("q quit")
        os.close(terminal._own)
        os.close(terminal._its)
        terminal._own, terminal._its = os.openpty()
        assert terminal.process.wait(60) in {0, 1, 129}


def test_where_nothing_is_recorded_it_says_what_to_do(machine):
    machine.environment |= {"TERM": "xterm"}
    with watching(machine) as terminal:
        assert "tokentrack init" in terminal.wait_for("q quit")
        add(machine, "one")
        terminal.wait_for("1.5 credits", "q quit")
        terminal.press(b"q")
        check_left(terminal, 0)


def test_without_a_terminal_it_is_one_sentence(busy):
    done = run(["watch"], busy.root, busy.environment, code=1)
    assert done.stderr == "Error: watch needs a terminal: run `tokentrack` without one\n"
    assert done.stdout == ""
    command = [sys.executable, "-m", "tokentrack", "watch"]
    with open(os.devnull, encoding="utf-8") as nothing, Terminal(
        command, streams=("stdout", "stderr"), stdin=nothing, cwd=busy.root, env=busy.environment,
    ) as terminal:  # fmt: skip
        assert terminal.end() == 1
        assert "watch needs a terminal" in terminal.text
        assert BEGIN not in terminal.text


def test_the_modes_of_a_terminal_are_compared():
    with Terminal(["true"]) as terminal:
        terminal.end()
        assert terminal.has_its_modes()
        changed = termios.tcgetattr(terminal._its)
        changed[3] &= ~termios.ECHO
        termios.tcsetattr(terminal._its, termios.TCSANOW, changed)
        assert not terminal.has_its_modes()
