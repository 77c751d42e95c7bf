"""A turn of each surface, end to end: its hooks run, Kiro's numbers appear later, and are found."""

import json
import shutil
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from support.commands import tokentrack
from support.kiro import latest
from support.played import (
    V1,
    Cli,
    CliOnce,
    Crew,
    Ide,
    make_due,
    make_older,
    make_running_older,
    notes,
)
from tokentrack.store.pending import GIVE_UP_SECONDS

SURFACES = {"v1": V1, "cli-2": Cli, "cli-2 once": CliOnce, "ide-0": Ide, "crew": Crew}
LOOKS = {
    "hook": lambda played: played.start(),
    "status": lambda played: tokentrack(played.machine, "status"),
    "reconcile": lambda played: tokentrack(played.machine, "reconcile"),
}


@pytest.fixture(params=SURFACES)
def played(machine, request):
    return SURFACES[request.param](machine)


def rows(ledger):
    """Return the last usage row of each execution, in the order of the ledger."""
    found = latest(ledger)
    return [found[row["agent_execution_id"]] for row in ledger.rows()]


@pytest.mark.parametrize("look", LOOKS)
def test_credits_that_appear_10_s_later_are_found_at_the_next_look(played, look):
    machine = played.machine
    played.start()
    played.stop()
    LOOKS["status"](played)  # nothing is there yet, and nothing is made up
    (row,) = rows(machine)
    assert (row["credits"], row["credits_basis"]) == ("", "unknown")
    expected = played.write([0.25, 0.015805053067993367])
    if played.by_hook:
        make_due(machine)
    LOOKS[look](played)
    (row,) = rows(machine)
    if look == "hook" and not played.by_hook:
        assert row["credits"] == ""
        LOOKS["status"](played)
        (row,) = rows(machine)
    assert Decimal(row["credits"]) == expected.credits == Decimal("0.265805053067993367")
    assert (row["credits_basis"], row["model"]) == ("reported", expected.model)
    assert (row["source"], row["source_id"]) == (expected.source, expected.source_id)
    assert row["tags"].split(";")[-1] == "match=window"
    assert row["session_id"] == expected.session_id
    assert notes(machine) == []


@pytest.mark.slow
def test_an_aborted_turn_has_its_own_credits_between_those_of_two_others(played):
    machine = played.machine
    played.ago = 100
    played.turn([0.1])
    make_older(machine, 100)
    played.ago = 30
    played.start()  # nothing stops this one
    make_running_older(machine, 30)
    aborted = played.write([0.2], **played.aborted)
    played.ago = 0
    played.turn([0.4])
    tokentrack(machine, "reconcile")
    assert sorted(row["credits"] for row in rows(machine)) == ["0.1", "0.2", "0.4"]
    (error,) = [row for row in machine.rows() if row["error_occurred"] == "true"]
    assert latest(machine)[error["agent_execution_id"]]["source_id"] == aborted.source_id
    assert notes(machine) == []


def is_for_hooks(machine):
    """Return whether a hook of the next days looks at the only note."""
    (note,) = notes(machine)
    return int(note.name[:12]) < time.time() + GIVE_UP_SECONDS - 24 * 3600


def test_a_session_that_crew_does_not_share_stays_unknown_and_is_given_up(machine):
    crew = Crew(machine)
    expected = crew.turn([0.5])
    (machine.home / ".kiro" / "sessions").rename(machine.home / "elsewhere")
    (machine.home / ".kiro" / "sessions").mkdir()
    make_older(machine, 60)
    crew.start()
    assert not is_for_hooks(machine)
    make_older(machine, GIVE_UP_SECONDS)
    crew.start()
    assert notes(machine) == []
    (row,) = rows(machine)
    assert (row["credits"], expected.credits) == ("", Decimal("0.5"))


def test_the_subagents_of_a_crew_are_parts_of_their_parents_turn(machine):
    crew, subagent = Crew(machine), Crew(machine)
    subagent.session = crew.session
    subagent.subagent = "agent-b"
    crew.ago = 100
    for hook in (crew.start, subagent.start, subagent.stop, crew.stop):
        hook()
    make_older(machine, 100)
    crew.write([0.5])
    tokentrack(machine, "reconcile")
    first, second = sorted(rows(machine), key=lambda row: row["credits"])
    assert (first["credits"], second["credits"]) == ("", "0.5")
    assert first["tags"].split(";") == ["match=part", f"part_of={second['agent_execution_id']}"]
    assert notes(machine) == []


def test_a_cli_session_without_a_file_is_looked_for_in_the_database(machine):
    cli = Cli(machine)
    cli.start()
    cli.stop()
    cli.session.path.unlink()
    once = CliOnce(machine, cli.kiro)
    once.began = cli.began
    once.write([0.5], root="/elsewhere", session=cli.session.session_id)
    make_due(machine)
    cli.start()
    assert rows(machine)[0]["credits"] == "", "a hook does not look into the database"
    tokentrack(machine, "reconcile")
    (row,) = rows(machine)
    assert (row["credits"], row["source"]) == ("0.5", "kiro-cli-database")
    assert row["tags"].split(";")[-1] == "match=window"


def test_a_conversation_that_went_on_has_lost_the_credits_of_its_earlier_turn(machine):
    cli = CliOnce(machine)
    cli.start()
    cli.stop()
    cli.write([0.7], [0.1])
    tokentrack(machine, "reconcile")
    (row,) = rows(machine)
    assert (row["credits"], row["credits_basis"], row["model"]) == (
        "",
        "unknown",
        "claude-sonnet-4",
    )
    assert notes(machine) == [], "nobody waits for what can't come"


def test_a_conversation_of_a_folder_in_the_workspace_is_its_own_and_of_another_not(machine):
    inner, other = machine.root / "src", machine.root / "vendored"
    inner.mkdir()
    (other / ".kiro").mkdir(parents=True)  # its own workspace
    cli = CliOnce(machine, root=inner)
    cli.start()
    cli.stop()
    for root, usage in ((other, 0.9), (f"{machine.root}-2", 0.8)):
        cli.write([usage], root=str(root))
    tokentrack(machine, "reconcile")
    assert rows(machine)[0]["credits"] == ""
    cli.write([0.5])
    tokentrack(machine, "reconcile")
    assert rows(machine)[0]["credits"] == "0.5"


@pytest.mark.parametrize(("beside", "expected"), [(False, "0.5"), (True, "")])
def test_in_a_ledger_of_many_places_only_a_turn_alone_in_its_time_counts(machine, beside, expected):
    # The home folder is not a workspace: its turns are in the user's ledger.
    cli = CliOnce(machine, root=machine.home, ago=100)
    for hook in (cli.start, cli.stop):
        hook()
    cli.write([0.5])
    tokentrack(machine, "reconcile", cwd=machine.home)
    assert latest(machine.users).popitem()[1]["credits"] == "", "too early to be sure"
    if beside:
        cli.write([0.9], root="/tmp")
    make_older(machine.users, 100)
    tokentrack(machine, "reconcile", cwd=machine.home)
    row = latest(machine.users).popitem()[1]
    assert row["credits"] == expected
    assert ("match=time" in row["tags"]) == (expected != "")


def loaded(machine, surface):
    """Return whether a start hook of a surface loads a reader."""
    code = (
        "import sys; sys.argv = ['tokentrack', 'hook-run']\n"
        "from tokentrack.__main__ import main; main()\n"
        "open({!r}, 'w').write(str('tokentrack.kiro.reconcile' in sys.modules))"
    ).format(str(machine.home / "loaded"))
    payload = {"hook_event_name": surface.events[0], "cwd": surface.root}
    subprocess.run([sys.executable, "-c", code], env=machine.environment, cwd=machine.root,
                   input=json.dumps(payload).encode(), check=True)  # fmt: skip
    return (machine.home / "loaded").read_text() == "True"


def test_a_hook_loads_no_reader_for_what_only_the_database_has(machine):
    (machine.home / ".kiro" / "sessions").mkdir(parents=True)
    cli = CliOnce(machine)
    cli.turn([0.5])
    assert not loaded(machine, cli)
    make_due(machine)  # the control: as if it were due for a hook
    assert loaded(machine, cli)


def test_a_hook_loads_no_reader_again_for_a_session_that_is_not_there(machine):
    v1 = V1(machine)
    v1.start()
    v1.stop()
    shutil.rmtree(v1.session.folder)
    assert loaded(machine, v1), "it is too early to give it up"
    make_older(machine, 30)
    assert is_for_hooks(machine)
    assert loaded(machine, v1)
    assert not is_for_hooks(machine)
    assert not loaded(machine, v1)


def test_a_turn_that_an_import_was_faster_to_complete_gets_no_second_row(played):
    machine = played.machine
    played.turn([0.5])
    make_due(machine)
    (note,) = notes(machine)
    aside = note.rename(machine.home / note.name)  # the import would look at it first
    tokentrack(machine, "import")
    aside.rename(note)
    before = machine.usage()
    assert rows(machine)[0]["credits"] == "0.5"
    played.start()
    tokentrack(machine, "reconcile")
    assert (machine.usage(), notes(machine)) == (before, [])


def test_a_note_of_an_earlier_version_is_still_read(machine):
    v1 = V1(machine)
    expected = v1.turn([0.5])
    (note,) = notes(machine)
    data = json.loads(note.read_text())
    del data["folder"]
    note.write_text(json.dumps(data))
    note.rename(note.with_name(note.name.replace("-v1.", "-")))
    v1.start()
    assert rows(machine)[0]["credits"] == str(expected.credits)


def test_there_is_an_end_to_the_number_of_notes(machine):
    folder = machine.state / "pending"
    folder.mkdir(parents=True)
    for number in range(2000):
        (folder / f"{10**11}-cli-2.s-{number}.json").write_text("{}")
    machine.send("Stop", "sess_1")
    assert len(machine.rows()) == 1
    assert len(notes(machine)) == 2000
