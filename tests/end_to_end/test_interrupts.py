"""Ctrl-C ends a command with one line and exit code 130, whatever it is doing."""

import subprocess
import sys

import pytest

from support.ledgers import posix_only
from support.priced_turns import add_turn
from support.terminal import Terminal

pytestmark = posix_only

# A command that is interrupted by a signal to itself: while a module is imported, or a function
# is called.
WHILE_IMPORTING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["tokentrack", *sys.argv[1:]]
from tokentrack.__main__ import main
sys.exit(main())
"""
WHILE_CALLING = """
import os, signal, sys, time
from tokentrack.reports.index import database
def wait(*_):
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(60)
database.open_index = wait
import tokentrack.reports.question
tokentrack.reports.question.open_index = wait
sys.argv = ["tokentrack", *sys.argv[1:]]
from tokentrack.__main__ import main
sys.exit(main())
"""
ANSWERS = [[], ["report"], ["turns", "--json"], ["show", "one"], ["workspaces"], ["status"]]


def run(machine, code, words):
    return subprocess.run([sys.executable, "-c", code, *words], env=machine.environment,
                          cwd=machine.root, capture_output=True, check=False)  # fmt: skip


@pytest.mark.parametrize("name", ["click", "tokentrack.cli", "tokentrack.cli.report", "json"])
def test_while_modules_are_imported(machine, name):
    done = run(machine, WHILE_IMPORTING.format(name=name), ["report", "--json"])
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"Interrupted.\n")


@pytest.mark.parametrize("words", ANSWERS)
def test_on_a_terminal_while_the_ledgers_are_read(machine, words):
    add_turn(machine.folder, "one", 1_760_000_000_000_000, "1")
    command = [sys.executable, "-c", WHILE_CALLING, *words]
    with Terminal(command, env=machine.environment, cwd=machine.root) as terminal:
        terminal.wait_for("waiting")
        terminal.press(b"\x03")
        assert terminal.end() == 130
        assert terminal.text.endswith("\r\nInterrupted.\r\n")
        assert "Traceback" not in terminal.text


def test_a_prompt_gets_nothing(machine):
    code = WHILE_IMPORTING.format(name="tokentrack.reports.statusline")
    done = run(machine, code, ["statusline"])
    assert (done.returncode, done.stdout) == (130, b"")


def test_the_version_is_answered_before_click(machine):
    done = run(machine, WHILE_IMPORTING.format(name="click"), ["--version"])
    assert done.returncode == 0
    assert done.stdout.startswith(b"tokentrack, version ")
