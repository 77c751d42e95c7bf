"""The spool is bounded; what it cannot take goes to the next spool, or is counted as lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from support.commands import tokentrack
from support.kiro import Machine
from support.ledgers import Workspace, posix_only
from tokentrack.common.timestamps import now_us
from tokentrack.diagnostics.setup import Setup
from tokentrack.diagnostics.status import collect_status
from tokentrack.recorder import rescue, spooled
from tokentrack.recorder.rescue import losses
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.paths import rescue_folder

DAY = 24 * 3600 * 1_000_000
HOUR_AGO = 3700


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", hook_lock_timeout_ms=0)


@pytest.fixture
def parent(tmp_path):
    with Directory.open(str(tmp_path)) as directory:
        yield directory


# --- count and bytes ---


def test_a_spool_takes_no_more_than_its_count(parent, monkeypatch):
    monkeypatch.setattr(spool, "MAX_EVENTS", 5)
    for at in range(5):
        spool.put(parent, at, b"event", durable=False)
    with pytest.raises(spool.SpoolFullError) as refused:
        spool.put(parent, 5, b"event", durable=False)
    assert refused.value.errno == errno.EDQUOT
    assert len(spool.waiting(parent)) == 5
    assert os.listdir(os.path.join(parent.path, "spool", "tmp")) == []


def test_a_spool_takes_no_more_than_its_bytes(parent, monkeypatch):
    monkeypatch.setattr(spool, "MAX_BYTES", 100)
    spool.put(parent, 1, b"x" * 60, durable=False)
    with pytest.raises(spool.SpoolFullError):
        spool.put(parent, 2, b"x" * 41, durable=False)
    spool.put(parent, 3, b"x" * 40, durable=False)


def test_the_size_in_a_name_is_the_files_size(parent):
    name = spool.put(parent, 1, b"x" * 1234, durable=False)
    with spool.open_new(parent) as new:
        assert new.status(name).st_size == spool._size_of(name) == 1234


@pytest.mark.parametrize("name", ["", "a", "0-a.json", "0-a.x.json", "0-a.-1.json", "0-a.².json"])
def test_a_name_without_a_size_counts_as_an_event_of_no_size(name):
    assert spool._size_of(name) == 0


def test_what_the_own_spool_cannot_take_goes_to_the_users_and_is_recorded(space, monkeypatch):
    monkeypatch.setattr(spool, "MAX_EVENTS", 3)
    with space.locked():
        for number in range(6):
            assert space.complete(f"row-{number}")
    assert (len(space.spooled()), len(space.rescued())) == (3, 3)
    assert space.complete("next")
    assert space.ids() == [*[f"row-{n}" for n in range(6)], "next"]
    assert (space.spooled(), space.rescued()) == ([], [])


def test_what_no_spool_can_take_is_counted_with_its_errno(space, monkeypatch):
    monkeypatch.setattr(spool, "MAX_EVENTS", 2)
    with space.locked():
        accepted = [space.complete(f"row-{number}") for number in range(7)]
    assert accepted == [True] * 4 + [False] * 3
    with space.tracker.open_state() as state:
        found = losses(state)
    assert len(found) == 3
    assert all(line.endswith(f" errno={errno.EDQUOT}") for line in found)
    assert space.complete("next")
    assert space.ids() == [*[f"row-{n}" for n in range(4)], "next"]


@posix_only
def test_where_no_disk_can_be_written_a_loss_is_counted_in_memory(machine, tmp_path):
    (machine.folder / ".tokentrack").write_bytes(b"in the way")
    for name in ("nowhere", "runtime"):
        (tmp_path / name).touch() if name == "nowhere" else (tmp_path / name).mkdir()
    machine.environment["XDG_STATE_HOME"] = str(tmp_path / "nowhere")
    machine.send("Stop", "lost without a trace")
    machine.environment["XDG_RUNTIME_DIR"] = str(tmp_path / "runtime")
    machine.send("Stop", "lost")
    facts = collect_status(Setup(str(machine.root), machine.environment, drains=False))
    assert facts["waiting"]["lost"] == 1
    (line,) = (tmp_path / "runtime").rglob("lost.log")
    assert line.read_text().endswith(f"errno={errno.ENOTDIR}\n")


@posix_only
def test_each_loss_counts_where_a_disk_took_only_a_part_of_the_line(tmp_path, monkeypatch):
    line = b"2026-11-30T00:00:00.000Z errno=28\n"

    def half(descriptor, data):
        os.write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "full")

    with Directory.open(str(tmp_path)) as folder:
        rescue._append(folder, line)
        with monkeypatch.context() as patch:
            patch.setattr(rescue, "write_all", half)
            rescue._append(folder, line)
        rescue._append(folder, line)
        assert len(losses(folder)) == 3


@posix_only
def test_a_rescue_folder_that_cannot_be_opened_keeps_no_row_waiting(space, monkeypatch):
    folder = Path(rescue_folder(space.paths, space.environ))
    folder.mkdir(parents=True)
    opened = Directory.open.__func__

    def refused(cls, path, **options):
        if path == str(folder):
            raise PermissionError(errno.EACCES, "another user's")
        return opened(cls, path, **options)

    monkeypatch.setattr(Directory, "open", classmethod(refused))
    assert space.complete("row")
    assert space.ids() == ["row"]


def test_a_relative_state_folder_counts_as_none(machine):
    (machine.folder / "token_transactions.csv").mkdir()
    machine.hook({"hook_event_name": "Stop", "session_id": "s"}, env={"XDG_STATE_HOME": "state"})
    assert not (machine.root / "state").exists()


def test_without_a_bound_the_same_events_would_all_wait(space):
    with space.locked():
        assert all(space.complete(f"row-{number}") for number in range(7))
    assert len(space.spooled()) == 7


# --- size ---


def sparse(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    path.chmod(0o600)


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize(
    "name",
    ["token_transactions.csv", "token_usage.csv", ".tokentrack/drain.json",
     ".tokentrack/spool/new/00000000000000001-a.5.json", ".tokentrack/drained.json",
     ".tokentrack/running/s-s1..json", ".tokentrack/closed/s-s1", "token_tracker_config.json"],
)  # fmt: skip
def test_no_file_of_a_workspace_makes_the_hook_grow(machine, name):
    machine.send("Stop", "s1")
    path = machine.folder / name
    header = path.read_bytes().split(b"\n")[0] + b"\n" if name.endswith(".csv") else b""
    sparse(path, 300_000_000)
    with path.open("r+b") as file:
        file.write(header)
    assert _hook_memory(machine) < 64 * 1024 * 1024
    with (machine.folder / "token_transactions.csv").open("rb") as file:
        file.seek(-300, os.SEEK_END)
        assert b",late," in file.read().split(b"\n")[-2]


# --- age ---


def test_what_waited_too_long_is_told_and_recorded_all_the_same(space):
    old = space.event("agentExecutionCompleted", execution_id="old", at=now_us() - 31 * DAY)
    young = space.event("agentExecutionCompleted", execution_id="young", at=now_us() - 29 * DAY)
    space.put_in_spool(young)
    space.put_in_spool(old)
    with space.tracker.open_state() as state:
        assert spool.overdue(spool.waiting(state), now_us()) == 1
    with space.locked():
        facts = collect_status(Setup(str(space.root), space.environ, drains=False))
    assert (facts["waiting"]["spooled"], facts["waiting"]["overdue"]) == (2, 1)
    assert any("2 events can't be recorded yet" in text and "1 for over 30 days" in text
               for text in facts["problems"])  # fmt: skip
    assert space.complete("next")
    assert space.ids() == ["old", "young", "next"]


def test_foreign_names_are_not_overdue():
    assert spool.overdue(["a", "", "old.json", f"{1:017d}-a.5.json"], now_us()) == 1


# --- what killed processes left ---


def age(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left")
    os.utime(path, (time.time() - seconds, time.time() - seconds))
    return path


LEFT = (".tokentrack/spool/tmp/00000000000000001-a.5.json", ".tokentrack/drain.json.0a1b.tmp",
        ".tokentrack/running/s-a..json.0a1b.tmp")  # fmt: skip
KEPT = (".tokentrack/quarantine/torn.bin", ".tokentrack/quarantine/torn.bin.0a1b.tmp",
        ".tokentrack/tokentrack.log")  # fmt: skip


def test_the_hourly_sweep_removes_leftovers_and_nothing_else(space):
    left = [age(space.kiro / name, HOUR_AGO) for name in LEFT]
    kept = [age(space.kiro / name, HOUR_AGO) for name in KEPT]
    fresh = [age(space.kiro / (name.replace("0a1b", "f")), 60) for name in LEFT[1:]]
    assert space.complete("row")
    assert [path.exists() for path in [*left, *kept, *fresh]] == [False] * 3 + [True] * 5


def test_within_the_hour_nothing_is_swept_again(space):
    assert space.complete("row")
    left = [age(space.kiro / name, HOUR_AGO) for name in LEFT]
    assert space.complete("next")
    assert all(path.exists() for path in left)


def test_the_users_spool_is_swept_when_it_is_used(space, monkeypatch):
    monkeypatch.setattr(spool, "MAX_EVENTS", 1)
    left = age(Path(rescue_folder(space.paths, space.environ)) / "spool/tmp/1-a.5.json", HOUR_AGO)
    with space.locked():
        assert space.complete("own")
        assert space.complete("users")
    assert not left.exists()


@posix_only
@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_in_the_way_of_the_sweep_costs_no_row(space, kind):
    (space.state / "spool").mkdir(parents=True)
    place = space.state / "spool" / "tmp"
    victim = age(space.root / "victim" / "file.tmp", HOUR_AGO)
    if kind == "file":
        place.write_bytes(b"")
    elif kind == "link":
        place.symlink_to(victim.parent)
    else:
        (place / "inner").mkdir(parents=True)
        os.utime(place / "inner", (0, 0))
    assert space.complete("row")
    assert space.ids() == ["row"]
    assert victim.exists()


# --- very many ---


@posix_only
@pytest.mark.slow
def test_very_many_waiting_events_keep_the_hook_in_its_bounds_and_become_fewer(crowd):
    """A backlog of 19,000, which is what a spool can hold."""
    machine = crowd(19_000)
    assert _hook_memory(machine) < 64 * 1024 * 1024
    assert len(machine.rows()) > 1
    assert len(machine.waiting()) < 19_000
    machine.send("Stop", "second")
    ids = [row["session_id"] for row in machine.rows()]
    assert ids == ["first", *[f"old-{number:06d}" for number in range(len(ids) - 1)]]


@posix_only
@pytest.mark.slow
def test_more_than_a_spool_can_hold_delays_no_event(crowd):
    machine = crowd(22_000)
    assert _hook_memory(machine) < 64 * 1024 * 1024
    assert [row["session_id"] for row in machine.rows()] == ["first", "late"]
    assert machine.waiting() == []


@pytest.mark.parametrize("word", ["repair", "maintain"])
def test_a_spool_that_was_set_aside_is_worked_off_by_a_command(machine, word):
    machine.send("Stop", "first")
    _fill(machine.state / "spool" / "new", 50)
    os.rename(machine.state / "spool" / "new", machine.state / "spool" / "aside-000000000001-f")
    machine.send("Stop", "late")
    assert len(machine.rows()) == 2
    facts = collect_status(Setup(str(machine.root), machine.environment, drains=False))
    assert facts["waiting"]["spooled"] == 50
    tokentrack(machine, word, code=None)
    ids = [row["session_id"] for row in machine.rows()]
    assert ids == ["first", "late", *[f"old-{number:06d}" for number in range(50)]]
    assert os.listdir(machine.state / "spool") == ["new"]


@pytest.fixture
def crowd():
    """Give a function that makes a machine with so many events in its spool, in memory."""
    base = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))

    def make(count):
        machine = Machine(base)
        machine.send("Stop", "first")
        _fill(machine.state / "spool" / "new", count)
        return machine

    yield make
    shutil.rmtree(base)


def _fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    event = Workspace(folder.parents[4] / "other").event("Stop", session_id="old-000000", at=1)
    event.event_id = "exec-000000"
    data = spooled.encode(event)
    for number in range(count):
        name = f"{number:017d}-{number:012x}.{len(data)}.json"
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        own = data.replace(b"old-000000", b"old-%06d" % number)
        os.write(descriptor, own.replace(b"exec-000000", b"exec-%06d" % number))
        os.close(descriptor)


def _hook_memory(machine: Machine) -> int:
    code = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run(sys.argv[2:], input=sys.argv[1].encode(), check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n"
    )
    payload = json.dumps({"hook_event_name": "Stop", "session_id": "late"})
    done = subprocess.run(
        [sys.executable, "-c", code, payload, *machine.command, "hook-run"],
        cwd=machine.root, env=machine.environment, capture_output=True, check=True,
    )  # fmt: skip
    return int(done.stdout)
