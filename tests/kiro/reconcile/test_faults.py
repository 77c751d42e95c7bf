"""Reconciling among rotated ledgers, damaged notes and long sessions."""

import json
import time

import pytest

from support.commands import tokentrack
from support.kiro import latest
from support.kiro_homes.home import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.played import SECOND, V1, make_due, notes
from tokentrack.common.timestamps import now_us
from tokentrack.kiro.ide_storage import FOR_A_HOOK, RecentExecutions
from tokentrack.kiro.read_pass import ReadPass
from tokentrack.store.pending import GIVE_UP_SECONDS


def paused(machine):
    """Return a session of which two executions are one turn, whose credits the first one has."""
    played = V1(machine)
    played.start()
    played.stop()
    played.hook("Stop", assistant_response="It paused before.")
    played.write([0.5])
    make_due(machine)
    assert "1 execution updated" in tokentrack(machine, "reconcile")
    return played


def is_left_to_commands(note):
    """Tell whether no hook looks at a note before it is given up."""
    return int(note.name[:12]) > time.time() + GIVE_UP_SECONDS - 3600


def credits_of(machine):
    return json.loads(tokentrack(machine, "status", "--json"))["credits"]["total"]


@pytest.mark.parametrize("rotated", ["", "plain", "compressed"])
def test_a_turn_that_an_archive_has_is_not_counted_again(machine, rotated):
    machine.configure(compression_enabled=rotated == "compressed")
    played = paused(machine)
    if rotated:
        tokentrack(machine, "rotate")
    make_due(machine)
    played.start()  # a hook does not read archives, and leaves it to the commands
    (note,) = notes(machine)
    assert is_left_to_commands(note) == bool(rotated)
    make_due(machine)
    tokentrack(machine, "reconcile")
    assert credits_of(machine) == "0.5"


def test_after_a_rotation_a_command_joins_what_is_in_the_archive(machine):
    played = V1(machine)
    played.start()
    played.stop()
    tokentrack(machine, "rotate")
    played.write([0.5])
    assert "1 execution updated" in tokentrack(machine, "reconcile")
    assert [row["credits"] for row in machine.usage()] == ["0.5"]


HOSTILE = {
    "elapsed": [1e999, -1.0, True, "1", 10**25, 10**17, float("nan")],
    "at": [1e999, -1, 10**25, "1", True, now_us() + 2 * 24 * 3600 * SECOND],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in HOSTILE.items() for value in values],
    ids=lambda value: "the day after tomorrow" if value == HOSTILE["at"][-1] else repr(value),
)
def test_a_note_with_a_number_that_is_none_is_dropped(machine, field, value):
    machine.hook({"hook_event_name": "agentStop", "cwd": str(machine.root)})
    (note,) = notes(machine)
    sound = json.loads(note.read_text())
    note.write_text(json.dumps({**sound, field: value}))
    control = note.with_name(f"{0:012d}-ide-0.control.json")
    control.write_text(json.dumps(sound))
    tokentrack(machine, "status")
    assert [path.name[13:] for path in notes(machine)] == ["ide-0.control.json"]


def test_a_command_finds_a_turn_however_many_came_after_it(machine):
    played = V1(machine)
    played.start()
    played.stop()
    played.write([0.1])
    for _ in range(17):
        played.session.turn([0.2])
    tokentrack(machine, "reconcile")
    assert [row["credits"] for row in latest(machine).values()] == ["0.1"]


@pytest.mark.parametrize("later", [2, 5])
def test_a_hook_leaves_a_turn_that_is_further_back_to_the_commands(machine, later):
    played = V1(machine)
    played.start()
    played.stop()
    played.wait(100)
    played.write([0.1])
    for _ in range(later):
        played.session.turn([0.2])
    played.start()
    # The control: with two later turns it is among those that the hook reads.
    assert [is_left_to_commands(note) for note in notes(machine)] == [True] * (later > 2)
    tokentrack(machine, "reconcile")
    assert [row["credits"] for row in latest(machine).values()] == ["0.1"]


def test_a_folder_is_listed_once_for_all_notes(tmp_path):
    storage = IdeStorage(KiroHome(tmp_path))
    expected = storage.execution([0.5])
    path = storage.path(expected)
    recent = RecentExecutions(FOR_A_HOOK, ReadPass())
    folders = (str(path.parent.parent),)
    at = now_us()
    ever = (0, 2**63)
    assert [turn.source_id for turn in recent.around(folders, at, ever, 1)[0]] == [
        expected.source_id
    ]
    path.unlink()
    assert len(recent.around(folders, at, ever, 2)[0]) == 1
    # The control: older files are left out of the list.
    assert recent.around(folders, at, ever, at + 60 * SECOND) == ([], True)


def test_a_note_whose_session_can_be_no_file_is_dropped(machine):
    played = V1(machine)
    played.turn([0.5])
    (note,) = notes(machine)
    text = note.read_text()
    assert played.session.session_id in text
    other = note.with_name(note.name.replace("exec_", "exec_0"))
    other.write_text(text.replace(played.session.session_id, "\\ud800"))
    assert "1 execution updated" in tokentrack(machine, "reconcile")
    assert notes(machine) == []
