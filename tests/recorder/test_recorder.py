"""The recorder: every event becomes a row once, whatever fails or is in the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.ledgers import (
    ID,
    Workspace,
    finished,
    line_of,
    needs_proc,
    open_descriptors,
    posix_only,
    run_python,
    transaction,
    twice,
)
from tokentrack.recorder import spooled
from tokentrack.store.paths import rescue_folder


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", hook_lock_timeout_ms=0)


def start(space: Workspace, session: str, prompt: str = "do it", **fields):
    return space.event("UserPromptSubmit", session_id=session, prompt=prompt, **fields)


def stop(space: Workspace, session: str, response: str = "done", **fields):
    return space.event("Stop", session_id=session, assistant_response=response, **fields)


def prompts(space: Workspace, session: str) -> list[str]:
    return [row[1] for row in space.rows() if row[4] == session]


# --- the spool ---


def test_an_event_that_finds_the_lock_held_waits_in_the_spool(space):
    with space.locked():
        assert space.complete("waits")
        assert space.ids() == []
        assert len(space.spooled()) == 1
    assert space.complete("next")
    assert space.ids() == space.usage_ids() == ["waits", "next"]
    assert space.spooled() == []


def test_what_waits_is_recorded_in_the_order_of_time(space):
    events = [
        space.event("agentExecutionCompleted", execution_id=f"row-{n}", at=10**15 + n)
        for n in range(20)
    ]
    for event in reversed(events):
        space.put_in_spool(event)
    assert space.complete("next")
    assert space.ids() == [*[f"row-{n}" for n in range(20)], "next"]


def test_the_holder_records_what_came_while_it_was_busy(space):
    tracker = space.tracker
    recorder = tracker._recorder
    with space.locked():
        assert space.complete("while busy")
    recorder.drain()  # what every holder does after letting go
    assert space.ids() == ["while busy"]


@posix_only
def test_a_hook_that_holds_the_lock_drains_what_others_spool_meanwhile(tmp_path):
    done = run_python(
        "import sys, threading\n"
        "from support.ledgers import *\n"
        "from tokentrack.store.ledger import LockedLedger\n"
        "space = Workspace(sys.argv[1], durability='none', hook_lock_timeout_ms=0)\n"
        "inside, go = threading.Event(), threading.Event()\n"
        "append = LockedLedger.append\n"
        "def slow(self, *args, **kwargs):\n"
        "    inside.set(); go.wait(30)\n"
        "    return append(self, *args, **kwargs)\n"
        "LockedLedger.append = slow\n"
        "holder = threading.Thread(target=space.complete, args=['holder'])\n"
        "holder.start()\n"
        "inside.wait(30)\n"
        "assert space.complete('meanwhile')\n"
        "assert space.ids() == [] and len(space.spooled()) == 1\n"
        "go.set()\n"
        "holder.join()\n"
        "assert space.ids() == ['holder', 'meanwhile'], space.ids()\n"
        "assert space.spooled() == []\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_an_event_does_not_overtake_a_backlog_that_takes_too_long(space):
    for number in range(3000):
        event = space.event("agentExecutionCompleted", execution_id=f"row-{number}", prompt="x")
        space.put_in_spool(event)
    space.put_in_spool(start(space, "s"))
    assert space.record(stop(space, "s"))
    while space.spooled():
        space.recorder.drain()
    assert prompts(space, "s") == ["do it"]
    assert list((space.state / "running").glob("*.json")) == []


CRASH_BEFORE_THE_ROWS = """
import os, signal, sys
from support.ledgers import *
from tokentrack.store.ledger import LockedLedger
LockedLedger.append_missing = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Workspace(sys.argv[1], durability="none").complete("killed")
"""


def crash_in_a_drain(space: Workspace) -> None:
    assert space.complete("first")
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    done = run_python(CRASH_BEFORE_THE_ROWS, space.root.parent)
    assert done.returncode == -signal.SIGKILL, done.stderr


@posix_only
def test_a_row_that_another_program_appends_after_a_crash_pushes_none_out(space):
    crash_in_a_drain(space)
    with space.ledger.open("ab") as file:
        file.write(line_of(transaction("foreign")))
    assert space.complete("next")
    assert sorted(space.ids()) == ["first", "foreign", "next", "waits"]


@posix_only
@pytest.mark.parametrize("left", [b"", None], ids=["emptied", "removed"])
def test_a_ledger_that_is_taken_away_after_a_crash_starts_with_its_header(space, left):
    crash_in_a_drain(space)
    space.ledger.unlink()
    if left is not None:
        space.ledger.write_bytes(left)
    assert space.complete("next")
    assert space.ids() == ["waits", "next"]


@posix_only
def test_a_tail_that_is_torn_after_a_crash_pushes_no_row_out(space):
    crash_in_a_drain(space)
    with space.ledger.open("ab") as file:
        file.write(b"2026-01-01T00:00:00.000Z,tor")
    assert space.complete("next")
    assert space.ids() == ["first", "waits", "next"]


# --- what is broken or was put there by others ---

EVENT_FIELDS = ("at", "kind", "patterns", "usage", "tags", "prompt", "elapsed", "event_id")
WRONG_VALUES = (None, [], {}, "text", -1, 10**40, 1.5, [[]], {"a": {}}, {"total": "1"}, True)


def poisoned_events(space: Workspace) -> list[bytes]:
    event = stop(space, "s").to_dict()
    broken = [{**event, name: value} for name in EVENT_FIELDS for value in WRONG_VALUES]
    broken += [{}, {"at": 5}, [], None, 5]
    return [json.dumps({"event": value}).encode() for value in broken]


def poisoned_rows() -> list[bytes]:
    given = json.loads(spooled.encode(finished(transaction("poison"))))
    usages = [None, 5, "text", [], ["one"], [5] * 17, [None] * 17, {"a": 1}, ["x"] * 18]
    rows = [None, 5, "text", [], ["x"] * 12, [5] * 12]
    values = [{**given, "usage": usage} for usage in usages]
    values += [{**given, "row": row} for row in rows]
    return [json.dumps(value).encode() for value in values]


def test_no_file_in_the_spool_keeps_other_events_from_being_recorded(space):
    assert space.complete("first")
    waiting = [b"", b"\0", b"{", b"[]", b"5", b"null", b'"event"', b"[" * 100_000, b"\xff"]
    poisons = [*waiting, *poisoned_events(space), *poisoned_rows()]
    spool_folder = space.state / "spool" / "new"
    spool_folder.mkdir(parents=True, exist_ok=True)
    for number, poison in enumerate(poisons):
        path = spool_folder / f"0{number:016d}-poison.json"
        path.write_bytes(poison)
        assert space.complete(f"next-{number}"), poison[:200]
        assert f"next-{number}" in space.ids(), poison[:200]
        assert not path.exists(), poison[:200]
        assert set(space.ids()) <= set(space.usage_ids()), poison[:200]


@posix_only
def test_what_is_no_file_in_the_spool_keeps_nobody_waiting(space):
    assert space.complete("first")
    folder = space.state / "spool" / "new"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "00000000000000001-a.json").mkdir()
    (folder / "00000000000000002-b.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "00000000000000003-c.json")
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    assert space.complete("next")
    assert space.ids() == ["first", "waits", "next"]


def test_no_file_of_a_running_execution_keeps_other_events_from_being_recorded(space):
    assert space.complete("first")
    folder = space.state / "running"
    poisons = [b"", b"[]", b"{}", b"\xff", *[
        json.dumps(json.loads(poison)["event"]).encode() for poison in poisoned_events(space)
    ]]  # fmt: skip
    for number, poison in enumerate(poisons):
        (folder / "s-s..json").write_bytes(poison)
        (folder / "s-other.json").write_bytes(poison)
        (space.state / "closed" / "swept").unlink(missing_ok=True)
        session = {"prompt": f"turn {number}"}
        assert space.record(start(space, "s", **session)), poison[:200]
        assert space.record(stop(space, "s", f"done {number}")), poison[:200]
        assert prompts(space, "s").count(f"turn {number}") == 1, poison[:200]
    assert space.spooled() == []


BROKEN = {
    "no state folder": lambda space: shutil.rmtree(space.state),
    "state is a file": lambda space: replace_by_file(space.state),
    "running is a file": lambda space: replace_by_file(space.state / "running"),
    "closed is a file": lambda space: replace_by_file(space.state / "closed"),
    "spool is a file": lambda space: replace_by_file(space.state / "spool"),
    "quarantine is a file": lambda space: replace_by_file(space.state / "quarantine"),
}


def replace_by_file(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.write_bytes(b"")


@needs_proc
@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_state_folder_costs_neither_event_nor_descriptor(space, break_it):
    assert space.complete("first")
    break_it(space)
    with space.ledger.open("ab") as file:
        file.write(b"torn")
    assert space.complete("next")  # the first fault imports the modules that handle it
    before = open_descriptors()
    for number in range(5):
        assert space.complete(f"next-{number}")
    assert open_descriptors() == before
    for path in (space.state, *(space.state / n for n in ("running", "closed", "spool"))):
        if path.is_file():
            path.unlink()
    if (space.state / "quarantine").is_file():
        (space.state / "quarantine").unlink()
    assert space.complete("last")
    wanted = ["first", "next", *[f"next-{number}" for number in range(5)], "last"]
    assert sorted(space.ids()) == sorted(wanted)


def test_an_accepted_record_of_any_size_comes_out_of_the_spool(space):
    with space.locked():
        row = transaction("huge", prompt_text="x" * 17 * 1024 * 1024)
        safe = space.recorder.record([finished(row)], 0)
    assert space.complete("next")
    assert len(space.ids()) == 1 + safe
    assert twice(space.ids()) == []


def test_a_ledger_whose_folder_may_not_be_made_is_not_made(tmp_path):
    space = Workspace(tmp_path, auto_create_directories=False)
    space.kiro.rmdir()
    assert space.complete("waits")
    assert not space.kiro.exists()
    assert len(space.rescued()) == 1
    space.kiro.mkdir()
    assert space.complete("next")
    assert space.ids() == ["waits", "next"]


@posix_only
def test_an_event_that_nothing_can_take_is_not_called_safe(space):
    space.kiro.rmdir()
    space.kiro.write_bytes(b"")
    (space.home / ".local").write_bytes(b"")
    assert not space.complete("lost")


@posix_only
@pytest.mark.parametrize("state", ["own", "rescue"])
def test_a_loss_is_counted_where_anything_can_be_written(space, state):
    space.ledger.mkdir()
    rescue = Path(rescue_folder(space.paths, space.environ))
    for folder in (space.state, rescue):
        folder.mkdir(parents=True)
        (folder / "spool").write_bytes(b"")
    if state == "rescue":
        (space.state / "lost.log").mkdir()
    assert not space.complete("lost")
    assert not space.complete("lost too")
    lost = (rescue if state == "rescue" else space.state) / "lost.log"
    assert lost.read_bytes().count(b"\n") == 2


def test_the_identity_column_is_where_the_rows_have_it():
    assert line_of(transaction("exec-7")).split(b",")[ID] == b"exec-7"


# --- no exception loses an event ---

FAULTS = ["ValueError('secret')", "RecursionError()", "MemoryError()", "KeyError('x')"]
WITH_FAULT = """
import os, sys
from tokentrack.recorder import executions
from tokentrack.recorder.recorder import Recorder
def fail(*_): raise {fault}
executions.Executions.apply = fail
{flaw}
sys.argv = ["tokentrack", "hook-run"]
from tokentrack.__main__ import main
sys.exit(main())
"""
ONLY_THE_SYSTEM = """
def record(self, items, seconds):
    try:
        return self.write(items, seconds)
    except OSError as error:
        return self.rescue(items, error)
Recorder.record = record
"""


def hook_with(machine, fault, flaw=""):
    done = subprocess.run(
        [sys.executable, "-c", WITH_FAULT.format(fault=fault, flaw=flaw)],
        input=json.dumps({"hook_event_name": "Stop", "session_id": "s1", "prompt": "p"}),
        cwd=machine.root, env=machine.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_event_that_any_exception_keeps_out_waits_in_the_spool(machine, fault):
    hook_with(machine, fault)
    assert len(machine.waiting()) == 1
    assert "secret" not in machine.log()
    assert fault.partition("(")[0] in machine.log()
    machine.send("Stop", "s2")
    assert {row["session_id"] for row in machine.rows()} == {"s1", "s2"}


def test_a_recorder_that_only_expects_errors_of_the_system_loses_the_event(machine):
    hook_with(machine, FAULTS[0], ONLY_THE_SYSTEM)
    assert machine.waiting() == []


def test_a_file_name_with_a_nul_costs_no_row(machine):
    machine.send("Stop", "s1", file_path="/a\0b")
    assert machine.row()["file_patterns"]
