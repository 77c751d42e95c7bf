"""The lock: one writer at a time, among threads, processes and users of filelock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock, Timeout

from support import TESTS
from support.ledgers import (
    Workspace,
    line_of,
    needs_proc,
    open_descriptors,
    posix_only,
    transaction,
)
from tokentrack.store.directory import Directory
from tokentrack.store.lock import acquire

if TYPE_CHECKING:
    from pathlib import Path

# Takes the lock, prints a line, and holds the lock until its stdin is closed.
OURS = """
import sys
from tokentrack.store.directory import Directory
from tokentrack.store.lock import acquire
with Directory.of_file(sys.argv[1]) as (folder, name):
    held = acquire(folder, name, 30)
    print("held" if held else "none", flush=True)
    sys.stdin.read()
"""
THEIRS = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1], timeout=30, fallback_to_soft=False):
    print("held", flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that holds the lock."""

    def __init__(self, code: str, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self):
        assert self.process.stdout.readline() == "held\n"
        return self.process

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", hook_lock_timeout_ms=0)


def is_free(space: Workspace) -> bool:
    with Directory.open(str(space.kiro)) as folder:
        held = acquire(folder, space.lock.name, 0)
    if held is None:
        return False
    held.release()
    return True


def is_free_for_filelock(space: Workspace) -> bool:
    try:
        with FileLock(space.lock, timeout=0, fallback_to_soft=False):
            return True
    except Timeout:
        return False


@pytest.mark.parametrize("code", [OURS, THEIRS], ids=["ours", "filelock"])
def test_a_process_with_either_lock_excludes_both_here(space, code):
    with Holder(code, space.lock):
        assert not is_free(space)
        assert not is_free_for_filelock(space)
    assert is_free(space)
    assert is_free_for_filelock(space)


def test_threads_of_one_process_exclude_each_other(space):
    with space.locked():
        found = []
        thread = threading.Thread(
            target=lambda: found.extend([is_free(space), is_free_for_filelock(space)])
        )
        thread.start()
        thread.join()
        assert found == [False, False]
        assert not is_free(space)
        assert not is_free_for_filelock(space)
    with FileLock(space.lock, fallback_to_soft=False):
        assert not is_free(space)


def test_a_lock_that_is_let_go_in_time_is_taken(space):
    with Holder(OURS, space.lock) as holder:
        timer = threading.Timer(0.05, holder.stdin.close)
        timer.start()
        with Directory.open(str(space.kiro)) as folder:
            held = acquire(folder, space.lock.name, 30)
        assert held is not None
        held.release()
        timer.join()


@posix_only
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_is_killed_lets_go(space, sign):
    with Holder(OURS, space.lock) as holder:
        holder.send_signal(sign)
        holder.wait()
        assert is_free(space)


@posix_only
@pytest.mark.parametrize("code", [OURS, THEIRS], ids=["ours", "filelock"])
def test_an_event_behind_a_stopped_holder_waits_in_the_spool(space, code):
    with Holder(code, space.lock) as holder:
        holder.send_signal(signal.SIGSTOP)
        space.config.hook_lock_timeout_ms = 50
        assert space.complete("one")
        assert space.complete("two")
        assert space.ids() == []
        assert len(space.spooled()) == 2
        holder.send_signal(signal.SIGCONT)
    assert space.complete("three")
    assert space.ids() == ["one", "two", "three"]


def test_the_lock_file_stays_and_stays_empty(space):
    assert space.complete("one")
    before = space.lock.stat()
    assert space.complete("two")
    after = space.lock.stat()
    assert (before.st_ino, after.st_size) == (after.st_ino, 0)


@posix_only
def test_a_lock_file_is_private_and_its_content_is_kept(space):
    space.lock.write_bytes(b"what was here")
    assert space.complete("one")
    assert space.lock.read_bytes() == b"what was here"
    space.lock.unlink()
    assert space.complete("two")
    assert space.lock.stat().st_mode & 0o077 == 0


@posix_only
@pytest.mark.parametrize("replace", [True, False], ids=["replaced", "removed"])
def test_a_lock_file_that_is_gone_while_one_waits_does_not_let_two_in(space, replace):
    # Some releases of filelock remove the file when they let go.
    results = []

    def wait():
        with Directory.open(str(space.kiro)) as folder:
            held = acquire(folder, space.lock.name, 30)
        results.append(held)

    with Holder(OURS, space.lock) as holder:
        waiter = threading.Thread(target=wait)
        waiter.start()
        while space.lock.stat().st_nlink and open_locks(space) < 1:
            pass
        space.lock.unlink()
        if replace:
            space.lock.touch()
        holder.stdin.close()
        waiter.join()
    assert results[0] is not None
    assert not is_free(space)
    assert not is_free_for_filelock(space)
    results[0].release()
    assert is_free(space)


def open_locks(space: Workspace) -> int:
    """Count this process's open descriptors of the lock file."""
    if not os.path.isdir("/proc/self/fd"):
        return 1
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}") == str(space.lock.resolve())
        except OSError:
            continue
    return found


@needs_proc
def test_waiting_in_vain_leaks_no_descriptor(space):
    with space.locked():
        assert space.complete("warm")
        before = open_descriptors()
        for number in range(5):
            assert space.complete(f"row-{number}")
        assert open_descriptors() == before


APPEND = """
import sys
from support.ledgers import *
from filelock import FileLock
kind, base, name = sys.argv[1:]
space = Workspace(base, durability="none", hook_lock_timeout_ms=1000)
sys.stdin.read()
for number in range(200):
    if kind == "ours":
        assert space.complete(f"{name}-{number}", prompt="x" * 200)
    else:
        with FileLock(space.lock, fallback_to_soft=False, poll_interval=0.001):
            from support.flawed import unlocked_append
            unlocked_append(space.ledger, line_of(transaction(f"{name}-{number}")))
"""


@pytest.mark.slow
def test_writers_with_either_lock_lose_nothing_of_each_other(space):
    assert space.complete("first")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, kind, str(space.root.parent), f"{kind}{number}"],
            cwd=TESTS,
            stdin=subprocess.PIPE,
        )
        for kind in ("ours", "theirs")
        for number in range(2)
    ]
    for writer in writers:
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0] * 4
    space.recorder.drain()
    assert len(set(space.ids())) == len(space.ids()) == 801


def test_an_append_without_the_lock_can_tear_a_row(space):
    # The control of the test above: the same two writes, and another writer's between them.
    assert space.complete("first")
    line = line_of(transaction("torn"))
    with space.ledger.open("ab", buffering=0) as file:
        file.write(line[:40])
        assert space.complete("between")
        file.write(line[40:])
    with pytest.raises(AssertionError, match="torn"):
        space.lines()
