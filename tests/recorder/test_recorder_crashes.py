"""The recorder after crashes: no event is lost, and none is counted twice."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from programs import sweep
from support import TESTS
from support.ledgers import (
    Workspace,
    finished,
    line_of,
    needs_proc,
    posix_only,
    run_python,
    transaction,
    twice,
)
from tokentrack.recorder import spooled
from tokentrack.recorder.recorder import Recorder
from tokentrack.store import spool

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_same_record_twice_in_a_spool_is_one_row(space):
    given = finished(transaction("given"))
    with space.locked():
        assert space.recorder.record([given, given], 0) == 2
    assert space.complete("next")
    assert space.ids() == ["given", "next"]


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
    assert not blocked.is_dir(), "it is in the quarantine"
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
