"""The line that says how much of the ledgers was read."""

import re
import subprocess
import sys

import pytest

from support.ledgers import posix_only
from support.priced_turns import add_turn, add_turns
from support.terminal import Terminal

pytestmark = posix_only

LINE = """
import sys
from tokentrack.cli.progress_line import progress_line
from tokentrack.store.paths import workspace_paths
line = progress_line([workspace_paths(sys.argv[1], ".kiro/token_transactions.csv")])
for number in map(int, sys.argv[2:]):
    line(number)
sys.stdin.readline()
line(None)
line.end()
print("the answer", flush=True)
"""


def shown(text):
    """Return what a terminal shows of one line of output."""
    found = ""
    for part in text.split("\r"):
        found = part + found[len(part) :]
    return found.rstrip()


@pytest.fixture
def ledger(machine):
    add_turn(machine.folder, "one", 1_760_000_000_000_000, "1", prompt_text="x" * 2_000_000)
    return machine


@pytest.mark.parametrize(
    ("read", "text"),
    [([], "Waiting for another process, which is reading the ledgers"),
     ([1_000_000], "Reading 2 MB of ledgers: 49 %"), ([1, 9_000_000], "ledgers: 100 %")],
)  # fmt: skip
def test_after_a_second_it_says_what_is_read_and_goes_away(ledger, read, text):
    command = [sys.executable, "-c", LINE, str(ledger.root), *map(str, read)]
    with Terminal(command, streams=("stderr",), stdin=subprocess.PIPE, env=ledger.environment,
                  stdout=subprocess.PIPE) as terminal:  # fmt: skip
        terminal.wait_for(text)
        terminal.process.stdin.close()
        assert terminal.process.stdout.read() == b"the answer\n"
        assert terminal.end() == 0
        assert shown(terminal.text) == ""


def test_what_takes_less_than_a_second_shows_nothing(ledger):
    command = [sys.executable, "-m", "tokentrack", "report"]
    with Terminal(command, env=ledger.environment, cwd=ledger.root) as terminal:
        assert terminal.end() == 0
        assert "\rReading" not in terminal.text


@pytest.mark.slow
def test_a_build_shows_it_on_a_terminal_alone(machine):
    turns = [(f"e-{n}", 1_760_000_000_000_000 + n) for n in range(150_000)]
    add_turns(machine.folder, turns, "0.5", prompt_text="p" * 100)
    command = [sys.executable, "-m", "tokentrack", "report", "--json"]
    with Terminal(command, streams=("stderr",), env=machine.environment, cwd=machine.root,
                  stdout=subprocess.DEVNULL) as terminal:  # fmt: skip
        assert terminal.end() == 0
        assert re.search(r"\rReading \d+ MB of ledgers: \d+ %", terminal.text)
        assert shown(terminal.text) == ""
    done = subprocess.run([*command, "--no-index"], env=machine.environment, cwd=machine.root,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stderr == b""
