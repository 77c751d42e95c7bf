"""Appending: a torn end, a foreign file and a system that fails cost no neighbour."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess

import pytest

from support.flawed import FlawedTracker
from support.ledgers import (
    HEADER,
    Workspace,
    finished,
    line_of,
    posix_only,
    run_python,
    transaction,
)
from tokentrack.models.columns import COLUMNS
from tokentrack.store.append import ForeignFileError

ROW = line_of(
    transaction(
        "torn", prompt_text='it said "no",\nand tore', error_occurred=True, error_message="broken"
    )
)
NEIGHBOUR = line_of(transaction("neighbour"))


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none")


def ids_after(space: Workspace, data: bytes, tracker=None) -> list[str]:
    """Put data in the ledger's place, record an event and return the ledger's ids."""
    shutil.rmtree(space.state / "quarantine", ignore_errors=True)
    space.ledger.write_bytes(data)
    event = space.event("agentExecutionCompleted", execution_id="next")
    assert (tracker or space.tracker).record_event(event)
    return space.ids()


@pytest.mark.parametrize("torn", [ROW, line_of(transaction("torn"))], ids=["error", "no error"])
def test_a_row_torn_at_any_byte_harms_no_neighbour(space, torn):
    for length in range(1, len(torn) - 1):
        assert ids_after(space, HEADER + NEIGHBOUR + torn[:length]) == ["neighbour", "next"]
        assert space.quarantined() == [torn[:length]]


def test_a_row_without_an_error_that_lacks_only_its_line_feed_is_kept(space):
    whole = line_of(transaction("unended"))[:-1]
    assert ids_after(space, HEADER + NEIGHBOUR + whole) == ["neighbour", "unended", "next"]
    assert space.quarantined() == []


def test_a_row_with_a_message_but_no_error_can_not_be_cut_to_a_whole_one(space):
    row = transaction("torn", error_message="only a warning")
    assert space.recorder.record([finished(row)], 0) == 1
    torn = space.lines()[0]
    for length in range(1, len(torn)):
        assert ids_after(space, HEADER + NEIGHBOUR + torn[:length]) == ["neighbour", "next"]
        assert space.quarantined() == [torn[:length]]


def test_a_header_torn_at_any_byte_is_written_anew(space):
    for length in range(1, len(HEADER)):
        assert ids_after(space, HEADER[:length]) == ["next"]
        assert space.quarantined() == [HEADER[:length]]


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\xff\xfe", b'2026-01-01T00:00:00.000Z,"open\r'])
def test_any_bytes_after_the_last_line_feed_go_to_quarantine(space, tail):
    assert ids_after(space, HEADER + NEIGHBOUR + tail) == ["neighbour", "next"]
    assert space.quarantined() == [tail]


def test_a_tail_larger_than_a_block_goes_to_quarantine(space):
    tail = ROW[:-1] + b"x" * 200_000
    assert ids_after(space, HEADER + NEIGHBOUR + tail) == ["neighbour", "next"]
    assert space.quarantined() == [tail]


def test_a_torn_usage_row_goes_to_quarantine(space):
    assert space.complete("first")
    whole = space.usage.read_bytes()
    with space.usage.open("ab") as file:
        file.write(b"exec-torn,2026-01-01T0")
    assert space.complete("second")
    assert space.usage.read_bytes().startswith(whole)
    assert space.usage_ids() == ["first", "second"]
    assert space.quarantined() == [b"exec-torn,2026-01-01T0"]


def test_the_quarantine_keeps_every_tear(space):
    torn = [ROW[: 20 + number] for number in range(5)]
    for number, piece in enumerate(torn):
        assert space.complete(f"row-{number}")
        with space.ledger.open("ab") as file:
            file.write(piece)
    assert space.complete("last")
    assert sorted(space.quarantined()) == sorted(torn)


def test_a_writer_that_does_not_look_at_the_tail_loses_its_row(space):
    flawed = FlawedTracker(space.config, paths=space.paths, environ=space.environ)
    with pytest.raises(AssertionError, match="torn"):
        ids_after(space, HEADER + NEIGHBOUR + ROW[:60], flawed)
    assert ids_after(space, HEADER + NEIGHBOUR + ROW[:60]) == ["neighbour", "next"]


# --- something else in the ledger's place ---

FOREIGN = {
    "text": b"my notes\nof today\n",
    "text without a line feed": b"my notes",
    "json": b'{"mcpServers": {"one": {"command": "run"}}}',
    "a longer text without a line feed": b"notes, " * 1000,
    "another csv": b"date,amount\n2026-01-01,5\n",
    "our other ledger": b"agent_execution_id,recorded_at\nexec,2026-01-01T00:00:00.000Z\n",
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_file_is_never_changed(space, data):
    space.ledger.write_bytes(data)
    assert space.complete("next")
    assert space.ledger.read_bytes() == data
    assert len(space.spooled()) == 1
    space.ledger.unlink()
    assert space.complete("later")
    assert space.ids() == ["next", "later"]


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN.keys())
def test_an_append_to_a_foreign_file_says_so(space, data):
    space.ledger.write_bytes(data)
    with space.open_ledger() as ledger, pytest.raises(ForeignFileError):
        ledger.append(COLUMNS, [ROW], durable=False)


def other_file(space: Workspace):
    outside = space.root / "outside.txt"
    outside.write_bytes(b"")
    return outside


def bind(space: Workspace) -> None:
    folder = os.open(space.kiro, os.O_RDONLY)  # a socket's path must be short
    before = os.getcwd()
    os.fchdir(folder)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(space.ledger.name)
    os.chdir(before)
    os.close(folder)


PLACES = {
    "folder": lambda space: space.ledger.mkdir(),
    "symlink": lambda space: space.ledger.symlink_to(other_file(space)),
    "dangling symlink": lambda space: space.ledger.symlink_to(space.root / "outside.txt"),
    "hard link": lambda space: os.link(other_file(space), space.ledger),
    "fifo": lambda space: os.mkfifo(space.ledger),
    "socket": bind,
    "device": lambda space: make_full(space.ledger),
    "usage symlink": lambda space: space.usage.symlink_to(other_file(space)),
    "lock symlink": lambda space: space.lock.symlink_to(other_file(space)),
    "lock folder": lambda space: space.lock.mkdir(),
}


def make_full(path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))  # /dev/full
    except OSError:
        pytest.skip("a device can't be made: run as root")


@posix_only
@pytest.mark.parametrize("put", PLACES.values(), ids=PLACES.keys())
def test_nothing_is_written_through_what_is_no_file_of_ours(space, put):
    put(space)
    assert space.complete("next")
    outside = space.root / "outside.txt"
    assert not outside.exists() or outside.read_bytes() == b""
    assert len(space.spooled()) == 1
    for path in (space.ledger, space.usage, space.lock):
        if path.is_dir():
            path.rmdir()
        elif path.is_symlink() or path == space.ledger:
            path.unlink(missing_ok=True)
    assert space.complete("later")
    assert space.ids() == space.usage_ids() == ["next", "later"]


@posix_only
@pytest.mark.parametrize("kind", ["kiro", "state"])
def test_nothing_is_written_in_a_folder_that_is_a_link(space, kind):
    elsewhere = space.root / "elsewhere"
    elsewhere.mkdir()
    link = space.kiro if kind == "kiro" else space.state
    if kind == "kiro":
        link.rmdir()
    link.symlink_to(elsewhere)
    assert space.complete("next")
    assert list(elsewhere.iterdir()) == []
    assert len(space.rescued()) == 1
    link.unlink()
    space.kiro.mkdir(exist_ok=True)
    assert space.complete("later")
    assert space.ids() == ["next", "later"]
    assert space.rescued() == []


# --- the system says no ---


@posix_only
def test_a_short_write_leaves_the_ledger_as_it_was(tmp_path):
    done = run_python(
        "import resource, sys\n"
        "from support.ledgers import *\n"
        "space = Workspace(sys.argv[1], durability='none')\n"
        "for n in range(20): assert space.complete(f'row-{n}', prompt='x' * 300)\n"
        "size = space.ledger.stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))\n"
        "before = space.ledger.read_bytes()\n"
        "assert space.complete('next', prompt='y' * 300)\n"
        "assert space.ledger.read_bytes() == before\n"
        "assert len(space.spooled()) == 1\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "assert space.complete('later')\n"
        "assert space.ids()[-2:] == ['next', 'later'], space.ids()\n"
        "assert space.spooled() == [] and space.quarantined() == []\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 128 kB; as root: `pytest tests/test_append.py -k full_disk`."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small tmpfs can't be mounted: run as root, or below `unshare -rm`")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_on_a_full_disk_every_accepted_event_waits_elsewhere(small_disk, tmp_path):
    space = Workspace(small_disk)
    space.environ["XDG_STATE_HOME"] = str(tmp_path / "other-disk")
    accepted = [f"row-{n}" for n in range(200) if space.complete(f"row-{n}", prompt="x" * 1000)]
    assert len(accepted) == 200
    assert 10 < len(space.ids()) < 200
    remount = ["mount", "-o", "remount,size=10M", str(small_disk)]
    subprocess.run(remount, check=True, capture_output=True)
    while space.spooled() or list((tmp_path / "other-disk").glob("*/*/spool/new/*")):
        assert space.complete(f"later-{len(space.ids())}")
    assert sorted(i for i in space.ids() if i.startswith("row")) == sorted(accepted)


@pytest.mark.slow
def test_a_full_disk_with_starts_and_stops_counts_every_turn_once(small_disk, tmp_path):
    space = Workspace(small_disk)
    space.environ["XDG_STATE_HOME"] = str(tmp_path / "other-disk")
    for number in range(100):
        session = {"session_id": f"s{number}"}
        assert space.record(space.event("UserPromptSubmit", prompt="x" * 1000, **session))
        assert space.record(space.event("Stop", assistant_response="done", **session))
    remount = ["mount", "-o", "remount,size=10M", str(small_disk)]
    subprocess.run(remount, check=True, capture_output=True)
    while space.spooled() or list((tmp_path / "other-disk").glob("*/*/spool/new/*")):
        assert space.complete(f"later-{len(space.ids())}")
    turns = [row for row in space.rows() if row[4].startswith("s")]
    assert sorted(row[4] for row in turns) == sorted(f"s{number}" for number in range(100))
    assert {row[1] for row in turns} == {"x" * 1000}


@posix_only
def test_few_descriptors_lose_nothing_and_leak_none(tmp_path):
    done = run_python(
        "import resource, sys\n"
        "from support.ledgers import *\n"
        "space = Workspace(sys.argv[1], durability='none')\n"
        "assert space.complete('first')\n"
        "start = space.event('agentExecutionCompleted', execution_id='warm')\n"
        "limits = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "import tokentrack.recorder.rescue, tokentrack.recorder.spooled\n"
        "accepted = ['first']\n"
        "before = open_descriptors()\n"
        "for n in range(20):\n"
        "    event = space.event('agentExecutionCompleted', execution_id=f'row-{n}')\n"
        "    tracker = space.tracker\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (before - 1 + n, limits[1]))\n"
        "    if tracker.record_event(event): accepted.append(f'row-{n}')\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, limits)\n"
        "    assert open_descriptors() == before, n\n"
        "assert space.complete('last')\n"
        "assert 5 < len(accepted) < 21, accepted\n"
        "assert sorted(space.ids()) == sorted([*accepted, 'last']), (space.ids(), accepted)\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


FSYNC_FAILS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* fsync of the file that FAIL_FSYNC names says EIO once, and then yes, as Linux does. */
int fsync(int descriptor) {
    static int calls;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    const char *wanted = getenv("FAIL_FSYNC");
    if (length > 0 && wanted) {
        path[length] = 0;
        size_t end = strlen(wanted);
        if ((size_t)length >= end && !strcmp(path + length - end, wanted)) {
            fprintf(stderr, "fsync %d\n", ++calls);
            if (calls == 1) { errno = EIO; return -1; }
        }
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return real(descriptor);
}
"""


@pytest.fixture(scope="session")
def failing_fsync(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not os.path.isdir("/proc/self/fd"):
        pytest.skip("a failing fsync needs a C compiler, LD_PRELOAD and /proc")
    (folder / "shim.c").write_text(FSYNC_FAILS)
    library = folder / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-o", library, folder / "shim.c", "-ldl"]
    subprocess.run(command, check=True)
    return str(library)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("token_transactions.csv", ["first", "next", "later"]),
        ("token_usage.csv", ["first", "next", "later"]),
    ],
)
def test_a_failed_fsync_is_neither_believed_nor_tried_again(tmp_path, failing_fsync, name, kept):
    space = Workspace(tmp_path)
    assert space.complete("first")
    before = space.ledger.read_bytes()
    done = run_python(
        "import sys\nfrom support.ledgers import *\n"
        "assert Workspace(sys.argv[1]).complete('next')\n",
        tmp_path,
        env={**os.environ, "LD_PRELOAD": failing_fsync, "FAIL_FSYNC": name},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "fsync 1\n"
    assert space.ledger.read_bytes() == before
    assert len(space.spooled()) == 1
    assert space.complete("later")
    assert space.ids() == kept


def test_a_failed_fsync_of_what_waited_is_neither_believed_nor_tried_again(tmp_path, failing_fsync):
    space = Workspace(tmp_path)
    assert space.complete("first")
    before = space.ledger.read_bytes()
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    done = run_python(
        "import sys\nfrom support.ledgers import *\n"
        "assert Workspace(sys.argv[1]).complete('next')\n",
        tmp_path,
        env={**os.environ, "LD_PRELOAD": failing_fsync, "FAIL_FSYNC": space.ledger.name},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "fsync 1\n"
    assert space.ledger.read_bytes() == before
    assert space.complete("later")
    assert space.ids() == ["first", "waits", "next", "later"]
