"""Many threads and processes track at once, some are killed: nothing acknowledged is lost."""

import json
import os
import signal
import threading
import time

import pytest

from support.usage_fixtures import MODEL, rows_of, start_python
from tokentrack.usage import TokenUsage, UsageTracker

_WORKER = """
import sys
from tokentrack.usage import UsageTracker
path, name, count, background = sys.argv[1:]
tracker = UsageTracker(path, background=background == "1", queue_size=1_000_000)
for number in range(int(count)):
    tracker.track_request(name, "claude-sonnet-4.5", 1, 1)
    print(number + 1, flush=True)
tracker.close()
"""

# A tracker that reads and rewrites the whole file with each request.
_FLAWED_WORKER = """
import json, os, sys
path, name, count, _ = sys.argv[1:]
for number in range(int(count)):
    sessions = json.load(open(path)) if os.path.exists(path) else {}
    sessions[name] = sessions.get(name, 0) + 1
    with open(f"{path}.{name}", "w") as file:
        json.dump(sessions, file)
    os.replace(f"{path}.{name}", path)
    print(number + 1, flush=True)
"""


def run_workers(path, worker, processes, requests):
    """Run workers at the same time to their end, and return what each acknowledged."""
    started = [start_python(worker, path, f"s{n}", requests, 0) for n in range(processes)]
    acknowledged = {}
    for number, process in enumerate(started):
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        acknowledged[f"s{number}"] = int(out.split()[-1])
    return acknowledged


@pytest.mark.slow
def test_eight_processes_of_200_requests_lose_nothing(tmp_path):
    path = tmp_path / "token_usage.csv"
    acknowledged = run_workers(path, _WORKER, 8, 200)
    sessions = UsageTracker(path).get_sessions()
    assert {name: found.request_count for name, found in sessions.items()} == acknowledged
    assert sum(acknowledged.values()) == 1600
    rows = rows_of(path)
    assert len({row["agent_execution_id"] for row in rows}) == len(rows) == 1600


@pytest.mark.slow
def test_a_tracker_that_rewrites_its_file_would_lose_some(tmp_path):
    path = tmp_path / "usage.json"
    acknowledged = run_workers(path, _FLAWED_WORKER, 8, 200)
    assert json.loads(path.read_text()) != acknowledged


def kill_while_tracking(path, *, background):
    """Kill workers with SIGKILL while they track, and return what each acknowledged."""
    started = [start_python(_WORKER, path, f"s{n}", 10**6, background) for n in range(4)]
    acknowledged = {}
    try:
        for number, process in enumerate(started):
            lines = [process.stdout.readline() for _ in range(50 + number)]
            os.kill(process.pid, signal.SIGKILL)
            lines += process.stdout.read().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]
            acknowledged[f"s{number}"] = int(whole[-1])
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()
    return acknowledged


def lost_requests(path, acknowledged):
    sessions = UsageTracker(path).get_sessions()
    counts = {
        name: sessions[name].request_count if name in sessions else 0 for name in acknowledged
    }
    # At most one more is on disk than was acknowledged before the kill.
    assert all(counts[name] <= acknowledged[name] + 1 for name in counts)
    return sum(max(0, acknowledged[name] - counts[name]) for name in acknowledged)


def test_no_kill_loses_an_acknowledged_request_or_tears_a_row(tmp_path):
    path = tmp_path / "token_usage.csv"
    acknowledged = kill_while_tracking(path, background=0)
    assert lost_requests(path, acknowledged) == 0
    tracker = UsageTracker(path)
    assert tracker.track_request("after", MODEL, 1, 1).saved
    assert tracker.check() == []
    assert all(None not in row.values() for row in rows_of(path))


def test_a_queue_that_is_not_flushed_would_lose_some(tmp_path):
    path = tmp_path / "token_usage.csv"
    with UsageTracker(path) as holder:
        holder.track_request("first", MODEL, 1, 1)
        # No worker can write while the lock is held, so a kill loses what is queued.
        with holder._writer._locked():
            acknowledged = kill_while_tracking(path, background=1)
    assert lost_requests(path, acknowledged) > 0


def test_threads_of_one_tracker_lose_nothing(tmp_path):
    path = tmp_path / "token_usage.csv"
    tracker = UsageTracker(path)

    def work(name):
        for _ in range(50):
            assert tracker.track_request(name, MODEL, 1, 2).saved
            assert tracker.get_session_usage(name) is not None

    threads = [threading.Thread(target=work, args=(f"s{n % 3}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.get_global_usage() == TokenUsage(300, 600)
    assert len(rows_of(path)) == 300


def test_one_reset_of_many_at_once_succeeds(tmp_path):
    path = tmp_path / "token_usage.csv"
    UsageTracker(path).track_request("s", MODEL, 1, 1)
    done = []

    def reset():
        done.append(UsageTracker(path).reset_session_usage("s"))

    threads = [threading.Thread(target=reset) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("background", [False, True])
def test_a_forked_child_tracks_on_and_repeats_nothing(tmp_path, background):
    path = tmp_path / "token_usage.csv"
    tracker = UsageTracker(path, background=background)
    for _ in range(20):
        tracker.track_request("parent", MODEL, 1, 1)
    child = os.fork()
    if child == 0:
        tracker.track_request("child", MODEL, 1, 1)
        tracker.close()
        os._exit(0 if tracker.unsaved_requests == 0 else 1)
    deadline = time.monotonic() + 60
    while (status := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        tracker.track_request("parent", MODEL, 1, 1)
    assert status == (child, 0)
    tracker.close()
    ids = [row["agent_execution_id"] for row in rows_of(path)]
    assert len(set(ids)) == len(ids)
    assert UsageTracker(path).get_session_usage("child").request_count == 1


_FORKING = """
import os, signal, sys, threading
from tokentrack.usage import UsageTracker

signal.alarm(60)  # a process that hangs ends
tracker = UsageTracker(sys.argv[1], background=sys.argv[2] == "1")

def work(name, ended):
    while not ended.is_set():
        tracker.track_request(name, "claude-sonnet-4.5", 1, 1)
        tracker.get_session_usage(name)

ended = threading.Event()
threads = [threading.Thread(target=work, args=(f"t{n}", ended)) for n in range(3)]
for thread in threads:
    thread.start()
children = []
for number in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        tracker.track_request("child", "claude-sonnet-4.5", 1, 1)
        found = tracker.get_session_usage("child")  # what the parent's threads were reading
        tracker.close()
        os._exit(tracker.unsaved_requests if found.request_count else 2)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
ended.set()
for thread in threads:
    thread.join()
tracker.close()
assert codes == [0] * 20, codes
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("background", [0, 1])
def test_a_child_that_is_forked_while_threads_track_tracks_too(tmp_path, background):
    path = tmp_path / "token_usage.csv"
    process = start_python(_FORKING, path, background)
    process.communicate(timeout=100)
    assert process.returncode == 0
    ids = [row["agent_execution_id"] for row in rows_of(path)]
    assert len(set(ids)) == len(ids)
    assert UsageTracker(path).get_session_usage("child").request_count == 20
