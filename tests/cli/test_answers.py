"""Asking changes nothing but caches, and adds the numbers that Kiro has written since."""

import json
import os

import pytest

from support.commands import tokentrack
from support.kiro import latest
from support.played import V1, notes

# By command, the words that show one turn's credits.
ASKING = {
    "overview": ("overview", "--json"),
    "report": ("report", "--json"),
    "turns": ("turns", "--json"),
    "show": ("show", "--json"),
    "status": ("status", "--json"),
}


@pytest.fixture
def played(machine):
    """Return a machine with a turn whose credits Kiro has not written yet."""
    made = V1(machine)
    made.start()
    made.stop()
    return made


def snapshot(machine):
    """Return each file of the home and the workspace with its content, mode and time of change."""
    caches = machine.home / ".local" / "state" / "tokentrack"
    found = {}
    for top in (machine.home, machine.root):
        for path in top.rglob("*"):
            if path == caches or caches in path.parents or path in caches.parents:
                continue
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[path] = (content, status.st_mode, path.is_file() and status.st_mtime_ns)
    return found


def ask(machine, command, *words):
    words = (*ASKING[command], *words)
    if command == "show":
        words = (*words, machine.row()["agent_execution_id"])
    return tokentrack(machine, *words)


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize("words", [(), ("--no-reconcile",)])
def test_asking_changes_nothing_but_caches(played, command, words):
    machine = played.machine
    if words:
        played.write([0.5])  # else Kiro has written nothing
    machine.state.joinpath("spool", "new").mkdir(parents=True, exist_ok=True)
    before = snapshot(machine)
    ask(machine, command, *words)
    assert snapshot(machine) == before
    assert len(notes(machine)) == 1


@pytest.mark.parametrize("command", ASKING)
def test_an_answer_has_the_credits_that_kiro_has_written_since(played, command):
    machine = played.machine
    played.write([0.25, 0.125])
    before = snapshot(machine)
    assert '"0.375"' in ask(machine, command)
    (row,) = latest(machine).values()
    assert row["credits"] == "0.375"
    changed = {path.name for path, was in before.items() if snapshot(machine).get(path) != was}
    assert changed == {"token_usage.csv", *[p.name for p in before if p.parent.name == "pending"]}
    assert notes(machine) == []


def test_a_lock_that_is_held_is_not_waited_for(played):
    machine = played.machine
    played.write([0.5])
    with machine.locked():
        assert '"0.5"' not in ask(machine, "report")
    assert len(notes(machine)) == 1
    assert '"0.5"' in ask(machine, "report")  # the control


def test_a_ledger_that_cannot_be_written_disturbs_no_answer(played):
    machine = played.machine
    played.write([0.5])
    usage = machine.folder / "token_usage.csv"
    usage.rename(machine.folder / "real")
    os.symlink("real", usage)
    found = json.loads(ask(machine, "report", "--since", "all"))
    assert found["total"]["turns"] == 1
    assert len(notes(machine)) == 1


@pytest.mark.slow
def test_only_the_ledgers_that_are_read_get_their_numbers(played, tmp_path):
    machine = played.machine
    other = tmp_path / "other"
    (other / ".kiro").mkdir(parents=True)
    second = V1(machine, played.kiro, other)
    second.start()
    second.stop()
    for surface in (played, second):
        surface.write([0.5])
    tokentrack(machine, "report", "--here")
    assert (len(notes(machine)), len(notes(second.ledger))) == (0, 1)
    tokentrack(machine, "report")
    assert notes(second.ledger) == []
