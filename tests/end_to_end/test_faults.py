"""The short form of scripts/torture, and faults of time: calls that fail, stop or take long.

test_hook_run_input.py tests stdin, and test_hook_run_faults.py files that are in the way.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from programs import faults
from support.kiro import finish
from support.ledgers import Workspace, posix_only

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [posix_only, pytest.mark.slow]

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


def assert_sound(found: dict) -> None:
    assert found["faults"] + found["kills"] > 5
    assert (found["lost"], found["torn"], found["twice"]) == ([], [], [])


# Every call, every errno: `scripts/torture --only errors`.
@pytest.mark.parametrize(
    ("kind", "stride"),
    [
        pytest.param("errors", 4, marks=needs_strace),
        pytest.param("kills", 4, marks=needs_strace),
        pytest.param(
            "short", 8, marks=pytest.mark.skipif(not shutil.which("cc"), reason="needs cc")
        ),
        pytest.param(
            "limits", 4, marks=pytest.mark.skipif(not shutil.which("prlimit"), reason="needs it")
        ),
        ("fuzz", 1),
    ],
)
def test_whatever_call_fails_accepted_rows_are_there_once(tmp_path, kind, stride):
    assert_sound(faults.run(tmp_path, kind, stride))
    with pytest.raises(AssertionError):
        assert_sound(faults.run(tmp_path, kind, stride, flawed=True))


# --- time ---


def test_a_holder_that_is_stopped_keeps_no_hook_waiting(machine):
    code = (
        "import fcntl, os, signal, sys\n"
        "held = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)\n"
        "fcntl.flock(held, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "signal.pause()\n"
    )
    machine.send("Stop", "before")
    lock = machine.folder / "token_transactions.csv.lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        machine.send("Stop", "meanwhile")  # which ends, and says nothing
        assert len(machine.rows()) == 1
        assert len(machine.waiting()) == 1
    finally:
        holder.kill()
        holder.communicate()
    machine.send("Stop", "after")
    assert [row["session_id"] for row in machine.rows()] == ["before", "meanwhile", "after"]


@needs_strace
def test_a_disk_that_takes_seconds_to_sync_delays_the_hook_by_no_more_than_its_syncs(machine):
    """An fsync can't be interrupted: the hook ends when the last one does."""
    machine.send("Stop", "before")
    trace = machine.home / "trace"
    prefix = ["strace", "-f", "-o", str(trace), "-e", "trace=fsync",
              "-e", "inject=fsync:delay_enter=300000"]  # fmt: skip
    finish(
        machine.start(prefix=prefix),
        {"hook_event_name": "Stop", "session_id": "slow", "cwd": str(machine.root)},
    )
    assert machine.rows()[-1]["session_id"] == "slow"
    # The ledger and the usage ledger: nothing is synced that need not be.
    assert trace.read_text().count("fsync(") <= 4


@needs_strace
def test_a_lock_that_is_held_through_a_slow_sync_keeps_no_other_hook_waiting(machine):
    machine.send("Stop", "before")
    prefix = ["strace", "-f", "-o", os.devnull, "-e", "trace=fsync",
              "-e", "inject=fsync:delay_enter=1000000"]  # fmt: skip
    slow = machine.start(prefix=prefix)
    payload = {"hook_event_name": "Stop", "session_id": "slow", "cwd": str(machine.root)}
    slow.stdin.write(json.dumps(payload).encode())
    slow.stdin.close()
    slow.stdin = None
    size = (machine.folder / "token_usage.csv").stat().st_size
    while (machine.folder / "token_usage.csv").stat().st_size == size:
        time.sleep(0.01)
    machine.send("Stop", "other")
    assert slow.poll() is None
    assert len(machine.waiting()) == 1
    finish(slow)
    machine.send("Stop", "after")
    assert {row["session_id"] for row in machine.rows()} == {"before", "slow", "other", "after"}


# --- a journal that no drain can end ---


def _garbage(path: Path) -> None:
    path.write_bytes(b"\0" * 100)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _link(path: Path) -> None:
    path.symlink_to("/dev/null")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


@pytest.mark.parametrize("make", [_garbage, _empty, _link, _pipe, _folder])
def test_a_journal_that_cannot_be_read_holds_nothing_up(tmp_path, make):
    space = Workspace(tmp_path, durability="none")
    assert space.complete("row")
    make(space.state / "drain.json")
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    assert space.complete("next")
    assert space.ids() == ["row", "waits", "next"]
    assert not os.path.lexists(space.state / "drain.json")
    assert [path.name[-24:-11] for path in (space.state / "quarantine").iterdir()] == [
        "drain-journal"
    ], "the original is kept"
