"""`tokentrack import` of sessions that were copied or resumed, and of flawed ones."""

import json
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from support.imported import Hooked, credits_of, here, summary, tokentrack
from support.kiro import latest
from support.kiro_homes import iso
from support.kiro_homes.cli import CliSession
from support.kiro_homes.database import CliDatabase
from support.kiro_homes.home import dump
from support.kiro_homes.v1 import V1Session


def copied(session, name, **changes):
    """Copy a CLI's session under another id, as a resumed one repeats its turns."""
    path = session.path.with_name(f"{name}.json")
    dump(path, {**session.document, "session_id": name, **changes})
    return path


FIRST = "00000000-0000-4000-8000-000000000000"  # the first in every listing


@pytest.mark.parametrize("surface", ["cli-2", "v1"])
def test_what_a_hook_recorded_takes_the_turn_of_its_own_session(machine, surface):
    hooked = Hooked(machine)
    turn = hooked.play(surface)
    if surface == "v1":
        (path,) = machine.home.glob(f".kiro/sessions/*/{turn.session_id}/messages.jsonl")
        other = V1Session(hooked.home, str(machine.root), bucket="a0")
        other.messages.write_bytes(path.read_bytes())
        about = json.loads((other.folder / "session.json").read_text())
        dump(other.folder / "session.json", {**about, "createdAt": "2026-01-01T00:00:00.000Z"})
    else:
        path = machine.home / ".kiro" / "sessions" / "cli" / f"{turn.session_id}.json"
        document = json.loads(path.read_text())
        older = {"session_id": FIRST, "created_at": "2026-01-01T00:00:00.000000Z"}
        dump(path.with_name(f"{FIRST}.json"), {**document, **older})
    found = summary(machine)
    assert (found["added"], found["reconciled"], found["repeated"]) == (0, 1, 1)
    identity = machine.row()["agent_execution_id"]
    assert latest(machine)[identity]["source_id"] == turn.source_id
    assert credits_of(machine) == Decimal("0.5")


def test_notes_that_can_not_be_looked_at_do_not_end_the_import(machine):
    hooked = Hooked(machine)
    hooked.play("v1")
    V1Session(hooked.home, str(machine.root)).turn([0.25])
    command = [sys.executable, "-m", "tokentrack", "import", "--json"]
    with machine.locked():
        process = subprocess.Popen(
            command, cwd=machine.root, env=machine.environment, stdout=subprocess.PIPE
        )
        time.sleep(1.5)  # longer than the notes are worth, shorter than the import
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    found = json.loads(out)
    assert (found["added"], found["completed"] + found["reconciled"]) == (1, 1)


def test_a_turn_belongs_to_the_oldest_session_that_has_it(machine):
    home = here(machine)
    session = CliSession(home, str(machine.root))
    session.turn([0.5])
    copied(session, FIRST, created_at=iso(home.pass_time(600), 6))
    other = V1Session(home, str(machine.root))
    other.turn([0.25])
    copy = other.copy()
    about = json.loads((other.folder / "session.json").read_text())
    dump(copy / "session.json", about)  # copied as it is: of the same time, with the other's id
    found = summary(machine)
    assert (found["added"], found["repeated"], found["credits"]) == (2, 2, "0.75")
    ids = {session.session_id, other.session_id}
    assert {row["session_id"] for row in machine.rows()} == ids


def test_repeated_turns_are_counted_and_do_not_hide_what_is_damaged(machine):
    home = here(machine)
    session = V1Session(home, str(machine.root))
    for _ in range(60):
        session.turn([0.5])
    session.copy()
    CliSession(home).path.write_text("{")
    found = summary(machine)
    assert (found["repeated"], found["left_out"]) == (60, {"not JSON": 1})
    (example,) = found["examples"]
    assert example.endswith(".json: not JSON")
    text = "60 turns repeated in copied, resumed or rewound sessions"
    assert text in tokentrack(machine, "import")


def test_a_session_without_its_document_is_nothing_left_out(machine):
    session = V1Session(here(machine))
    session.turn([0.5])
    (session.folder / "session.json").unlink()
    found = summary(machine, "--all")
    assert (found["added"], found["left_out"]) == (1, {})


def test_a_database_that_can_not_be_read_is_one_place(machine):
    database = CliDatabase(here(machine))
    database.path.write_bytes(b"no database at all" * 100)
    assert summary(machine, "--all")["left_out"] == {"unreadable": 1}


@pytest.mark.parametrize("secs", [10**12, 31 * 24 * 3600])
def test_a_time_that_no_turn_takes_is_unknown(machine, secs):
    home = here(machine)
    session = CliSession(home, str(machine.root))
    for seconds in (29 * 24 * 3600, secs):
        session.turn([0.5])
        session.metadatas[-1]["turn_duration"] = {"secs": seconds, "nanos": 0}
    session.save()
    other = V1Session(home, str(machine.root))
    turn = other.start()
    home.pass_time(min(secs, 10**8))
    other.finish(turn, [0.25])
    found = summary(machine)
    assert (found["added"], found["credits"]) == (3, "1.25")
    assert [row["elapsed_time"] for row in machine.rows()] == ["", "2505600.0", ""]


@pytest.mark.parametrize("modified", ["2026-08-20T10:00:00.000Z", None])
def test_a_turn_with_credits_and_no_time_keeps_its_credits(machine, modified):
    session = V1Session(here(machine), str(machine.root))
    session.turn([0.5])
    lines = [json.loads(line) for line in session.messages.read_text().splitlines()]
    dump_lines = [json.dumps({**line, "timestamp": None}) + "\n" for line in lines]
    session.messages.write_text("".join(dump_lines))
    path = session.folder / "session.json"
    dump(path, {**json.loads(path.read_text()), "lastModifiedAt": modified})
    found = summary(machine)
    assert (found["added"], found["credits"], found["skipped"]) == (1, "0.5", {})
    written = iso(session.messages.stat().st_mtime_ns // 1000)
    assert machine.row()["timestamp"][:19] == (modified or written)[:19]
    assert summary(machine)["added"] == 0


def test_a_cli_session_without_its_id_has_the_name_of_its_file(machine):
    session = CliSession(here(machine), str(machine.root))
    session.turn([0.5])
    del session.document["session_id"]
    session.save()
    tokentrack(machine, "import")
    assert machine.row()["session_id"] == session.session_id
