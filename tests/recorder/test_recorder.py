"""The recorder: events become rows once, whatever crashes, fails or is in the way."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from programs import sweep
from support import TESTS
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
from tokentrack.recorder.recorder import Recorder
from tokentrack.store import spool
from tokentrack.store.paths import rescue_folder

LARGE = "x" * 20_000


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", hook_lock_timeout_ms=0)


def start(space: Workspace, session: str, prompt: str = "do it", **fields):
    return space.event("UserPromptSubmit", session_id=session, prompt=prompt, **fields)


def stop(space: Workspace, session: str, response: str = "done", **fields):
    return space.event("Stop", session_id=session, assistant_response=response, **fields)


def prompts(space: Workspace, session: str) -> list[str]:
    return [row[1] for row in space.rows() if row[4] == session]


def keep_spool(space: Workspace) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in space.spooled()}


def put_back(files: dict[Path, bytes]) -> None:
    for path, data in files.items():
        path.write_bytes(data)


# --- killed at each line, and at each system call ---


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["append", "stop", "drain", "spool"])
def test_killed_at_any_line_a_recording_loses_and_doubles_nothing(tmp_path, scenario):
    """With TOKENTRACK_SWEEP_STRIDE=1 it is killed at each line, else at every 7th or 17th."""
    usual = "17" if scenario == "drain" else "7"
    done = run_sweep(tmp_path, scenario, os.environ.get("TOKENTRACK_SWEEP_STRIDE", usual))
    assert done["lines"] > 100
    assert done["wrong"] == []


@posix_only
def test_the_same_sweep_catches_a_writer_that_does_not_look_at_the_tail(tmp_path):
    assert run_sweep(tmp_path, "append", 29, "flawed")["wrong"]


def run_sweep(folder: Path, *words: object) -> dict:
    command = [sys.executable, "-m", "programs.sweep", str(folder), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, check=False, cwd=TESTS, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("call", ["write", "unlinkat", "renameat"])
def test_killed_at_any_system_call_a_drain_loses_and_doubles_nothing(tmp_path, call):
    code = "import sys; from support.ledgers import *; Workspace(sys.argv[1]).complete('killed')"
    for point in (1, 2, 3, 5, 8, 13):
        space = Workspace(tmp_path / str(point))
        scenario = sweep.Drain(space, space.tracker)
        space.config.hook_lock_timeout_ms = 0
        scenario.before()
        done = subprocess.run(
            ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}",
             "-e", f"inject={call}:signal=SIGKILL:when={point}",
             sys.executable, "-c", code, str(tmp_path / str(point))],
            check=False, capture_output=True, cwd=TESTS, text=True,
        )  # fmt: skip
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        scenario.after()
        assert scenario.problems() == [], f"killed at {call} number {point}"
        if done.returncode == 0:
            break


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


# --- counted once ---


def test_a_crash_before_the_spool_file_goes_does_not_count_twice(space):
    with space.locked():
        assert space.complete("one")
        assert space.recorder.record([finished(transaction("given"))], 0) == 1
    waiting = keep_spool(space)
    assert space.complete("next")
    put_back(waiting)
    assert space.complete("later")
    assert sorted(space.ids()) == ["given", "later", "next", "one"]
    assert space.spooled() == []


@pytest.mark.parametrize("left", [(0, 1), (1,), (0,)], ids=["both", "the stop", "the start"])
def test_a_turn_whose_spool_files_come_back_counts_once(space, left):
    with space.locked():
        assert space.record(start(space, "s"))
        assert space.record(stop(space, "s"))
    waiting = keep_spool(space)
    assert space.complete("next")
    put_back({path: waiting[path] for path in [list(waiting)[n] for n in left]})
    assert space.complete("later")
    assert space.record(start(space, "s", "and then"))
    assert space.record(stop(space, "s", "done too"))
    assert prompts(space, "s") == ["do it", "and then"]


def test_a_spooled_row_torn_by_a_crash_is_written_again(space):
    assert space.complete("neighbour")
    waiting = space.event("agentExecutionCompleted", execution_id="waits", prompt="all of it")
    space.put_in_spool(waiting)
    assert space.complete("next")
    whole = space.lines()[1] + b"\n"
    for length in range(1, len(whole)):
        space.ledger.write_bytes(space.ledger.read_bytes().split(b"\n")[0] + b"\n" + whole[:length])
        space.put_in_spool(waiting)
        assert space.complete("later")
        assert space.ids() == ["waits", "later"], f"torn after {length} of {len(whole)} bytes"


def test_a_spooled_given_row_torn_by_a_crash_is_written_again(space):
    given = transaction("given")
    whole = line_of(given)
    assert space.complete("neighbour")
    header = space.ledger.read_bytes().split(b"\n")[0] + b"\n"
    for length in range(1, len(whole) + 1):
        space.ledger.write_bytes(header + whole[:length])
        with space.tracker.open_state() as state:
            data = spooled.encode(finished(given))
            spool.put(state, given.timestamp_us, data, durable=False)
        assert space.complete("later")
        assert space.ids() == ["given", "later"], f"torn after {length} of {len(whole)} bytes"


# Each of these is taken from the spool as one batch.
@pytest.mark.parametrize("sizes", [(100, 300_000), (300_000,), (60_000, 60_000), (60_000, 300_000)])
@pytest.mark.parametrize("given", [True, False], ids=["given", "events"])
def test_large_rows_are_known_again_after_a_crash(space, sizes, given):
    with space.locked():
        for number, size in enumerate(sizes):
            row = transaction(f"row-{number}", prompt_text="x" * size, timestamp=10**15 + number)
            if given:
                assert space.recorder.record([finished(row)], 0) == 1
            else:
                assert space.complete(f"row-{number}", prompt="x" * size, at=10**15 + number)
    waiting = keep_spool(space)
    space.recorder.drain()
    put_back(waiting)
    assert space.complete("later")
    assert twice(space.ids()) == []
    assert len(space.ids()) == len(sizes) + 1


def test_aborted_turns_are_known_again_after_a_crash(space):
    for number in range(20):
        assert space.record(start(space, f"s{number}", LARGE))
    with space.locked():
        for number in range(20):
            assert space.record(start(space, f"s{number}", "the next"))
    waiting, before = keep_spool(space), space.root.parent / "before"
    shutil.copytree(space.state / "running", before)
    space.recorder.drain()
    put_back(waiting)  # as if killed after the append: neither spool nor state was changed
    shutil.rmtree(space.state / "running")
    shutil.copytree(before, space.state / "running")
    assert space.complete("later")
    assert len(space.ids()) == 21
    assert twice(space.ids()) == []


def test_an_execution_left_open_by_a_crash_counts_once_however_much_follows(space):
    assert space.record(start(space, "s"))
    running = {p: p.read_bytes() for p in (space.state / "running").glob("*.json")}
    assert space.record(stop(space, "s"))
    put_back(running)  # as if killed between the row and the state
    for number in range(20):
        assert space.complete(f"other-{number}", prompt=LARGE)
    assert space.record(start(space, "s", "the next"))
    assert prompts(space, "s") == ["do it"]
    assert twice(space.ids()) == []


def test_an_execution_recorded_by_two_hooks_counts_once_however_large_the_rows_between(space):
    assert space.complete("once")
    for number in range(8):
        assert space.complete(f"other-{number}", prompt=LARGE)
    assert space.complete("once")
    assert twice(space.ids()) == []


@needs_proc
def test_a_batch_of_which_a_part_fits_the_spool_counts_once(tmp_path):
    done = run_python(
        "import resource, sys\n"
        "from support.ledgers import *\n"
        "space = Workspace(sys.argv[1], durability='none')\n"
        "rows = [finished(transaction('small')),\n"
        "        finished(transaction('large', prompt_text='x' * 50_000))]\n"
        "with space.locked():\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "    safe = space.recorder.record(rows, 0)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "assert safe == 1, safe\n"
        "assert space.complete('next')\n"
        "assert space.ids() == ['small', 'next'], space.ids()\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_the_same_record_twice_in_a_spool_is_one_only_if_it_came_back(space):
    given = finished(transaction("given"))
    with space.locked():
        assert space.recorder.record([given, given], 0) == 2
    assert space.complete("next")
    assert space.ids() == ["given", "given", "next"]


@pytest.mark.parametrize("place", ["closed", "running"])
def test_a_state_that_can_not_be_written_after_the_row_counts_it_once(space, place):
    assert space.complete("first")
    assert space.record(start(space, "s"))
    blocked = space.state / place / ("s-s" if place == "closed" else "s-t..json")
    blocked.mkdir()
    if place == "running":
        assert space.record(start(space, "t"))
    assert space.record(stop(space, "s"))
    assert space.complete("next")
    shutil.rmtree(blocked)
    assert space.complete("later")
    assert prompts(space, "s") == ["do it"]
    assert space.spooled() == []


def test_an_error_after_the_event_is_safe_does_not_record_it_twice(space):
    class FailsAfterwards(Recorder):
        def drain(self):
            raise OSError(errno.EIO, "what others left can't be recorded")

    recorder = FailsAfterwards(space.paths, space.config, space.environ)
    assert recorder.record([finished(transaction("given"))], 0) == 1
    assert space.spooled() == []
    with space.locked():
        assert recorder.record([finished(transaction("spooled"))], 0) == 1
    assert len(space.spooled()) == 1
    assert space.complete("next")
    assert space.ids() == ["given", "spooled", "next"]


def test_an_id_that_every_row_contains_is_looked_for_in_each_row_once(space):
    for number in range(7):
        assert space.complete(f"row-{number}", prompt='a"' * 1000)
    assert space.complete("a")  # the time grew with the square of the rows' length
    assert space.ids()[-1] == "a"


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
    assert space.complete("next")  # the first fault imports what it needs
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
