"""`tokentrack turns --follow`: each new turn once, whatever happens to the files."""

import json
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from support.commands import run
from support.imported import tokentrack
from support.ledgers import posix_only
from support.priced_turns import add_turn

pytestmark = posix_only

PATIENCE = 60  # only turns a hang into a failure


class Follower:
    """A running `turns --follow`."""

    def __init__(self, process):
        self.process = process
        self._rest = b""

    def line(self):
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            assert ready, "no line came"
            data = self.process.stdout.read1()
            assert data, self.process.stderr.read().decode()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def identity(self):
        return json.loads(self.line())["id"]

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        output, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, (self._rest + output).decode(), errors.decode()


@contextmanager
def following(machine, *words):
    command = [sys.executable, "-m", "tokentrack", "turns", "-f", *words]
    process = subprocess.Popen(command, cwd=machine.root, env=machine.environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    with process:
        try:
            yield Follower(process)
        finally:
            process.kill()


def add(machine, identity, folder=None, **cells):
    cells = {"prompt_text": f"prompt of {identity}", **cells}
    add_turn(folder or machine.folder, identity, time.time_ns() // 1000, "0.5", **cells)


def test_new_turns_come_once_through_rotation_pruning_and_new_workspaces(machine):
    for number in range(12):
        add(machine, f"e-{number}")
    with following(machine, "--json") as follower:
        assert [follower.identity() for _ in range(10)] == [f"e-{n}" for n in range(2, 12)]
        add(machine, "one")
        row = json.loads(follower.line())
        assert (row["id"], row["credits"], row["prompt"]) == ("one", "0.5", "prompt of one")
        tokentrack(machine, "rotate")
        add(machine, "two")
        assert follower.identity() == "two"
        for path in machine.folder.glob("token_*_2*.csv"):
            path.unlink()
        add(machine, "three")
        assert follower.identity() == "three"
        other = machine.root.parent / "other" / ".kiro"
        other.mkdir(parents=True)
        add(machine, "four", other)
        tokentrack(machine, "workspaces", cwd=other.parent)
        assert follower.identity() == "four"
        assert follower.end() == (130, "", "")


def test_a_table_goes_on_below_its_heading(machine):
    add(machine, "first")
    with following(machine) as follower:
        head, _, first = follower.line(), follower.line(), follower.line()
        add(machine, "second", error_occurred="true", prompt_text="two\nlines")
        second = follower.line()
    assert head.split()[:3] == ["id", "when", "workspace"]
    assert head.index("prompt") == first.index("prompt of first")
    assert second.endswith("failed: two\\nlines")


def test_it_begins_where_nothing_is_recorded(machine):
    with following(machine, "--format", "csv", "--grep", "two", "--workspace", "web") as follower:
        assert follower.line().startswith("id,when,workspace,")
        add(machine, "one")
        add(machine, "two", workspace_folder="api")
        add(machine, "two-2")
        assert follower.line().startswith("two-2,")


def test_turns_before_the_last_ones_are_not_repeated(machine):
    for name in ("a", "b", "c"):
        add(machine, name)
    with following(machine, "--json", "-n", "1") as follower:
        assert follower.identity() == "c"
        add(machine, "d")
        assert follower.identity() == "d"


def test_names_and_texts_are_redacted(machine):
    add(machine, "one")
    with following(machine, "--json", "--redact") as follower:
        first = json.loads(follower.line())
        add(machine, "two")
        second = json.loads(follower.line())
    assert first["workspace"] == second["workspace"] != "web"
    assert (first["prompt"], second["prompt"]) == (None, None)


def test_it_ends_with_its_reader(machine):
    add(machine, "one")
    with following(machine, "--json") as follower:
        assert follower.identity() == "one"
        follower.process.stdout.close()
        assert follower.process.wait(PATIENCE) == -signal.SIGPIPE
        assert follower.process.stderr.read() == b""


@pytest.mark.parametrize(
    ("words", "error"),
    [(("--until", "7d"), "--follow and --until"), (("--sort", "credits"), "--follow and --sort"),
     (("--format", "markdown"), "JSON lines"), (("--grep", "("), "regular expression")],
)  # fmt: skip
def test_what_can_not_be_followed_is_refused(machine, words, error):
    done = run(["turns", "-f", *words], machine.root, machine.environment, code=None)
    assert done.returncode in {1, 2}
    assert error in done.stderr
