"""Writes in the background, and the flush that is guaranteed at every ordinary end."""

import pytest

from support.usage_fixtures import MODEL, rows_of, start_python
from tokentrack.usage import Budget, TokenUsage, UsageTracker


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "token_usage.csv"


def test_a_request_counts_at_once_and_is_on_disk_after_flush(path):
    with UsageTracker(path, background=True) as tracker:
        for _ in range(100):
            assert not tracker.track_request("s", MODEL, 1, 1).saved
            assert tracker.get_session_usage("s") is not None
        assert tracker.get_global_usage() == TokenUsage(100, 100)
        assert tracker.get_usage_by_period("month")[0].total.requests == 100
        assert tracker.flush()
        assert (len(rows_of(path)), tracker.unsaved_requests) == (100, 0)


def test_requests_keep_their_order(path):
    with UsageTracker(path, background=True) as tracker:
        for number in range(200):
            tracker.track_request("s", MODEL, number, 0)
    assert [int(row["input_tokens"]) for row in rows_of(path)] == list(range(200))


def test_a_full_queue_writes_at_once(path):
    tracker = UsageTracker(path, background=True, queue_size=5)
    # The thread can't write: its write lock is taken until the queue is full.
    with tracker._outbox._writing:
        for _ in range(5):
            tracker.track_request("s", MODEL, 1, 1)
        assert (tracker.unsaved_requests, path.exists()) == (5, False)
    tracker.track_request("s", MODEL, 1, 1)
    assert len(rows_of(path)) >= 5
    tracker.close()
    assert len(rows_of(path)) == 6


def test_after_close_requests_are_written_at_once(path):
    tracker = UsageTracker(path, background=True)
    tracker.close()
    tracker.close()
    assert tracker.track_request("s", MODEL, 1, 1).saved


def test_a_tracker_without_references_is_flushed(path):
    tracker = UsageTracker(path, background=True)
    tracker.track_request("s", MODEL, 1, 1)
    del tracker
    assert len(rows_of(path)) == 1


_ENDS = {
    "end of the program": "",
    "exception": "raise RuntimeError",
    "sys.exit": "sys.exit(3)",
}
_PROGRAM = """
import multiprocessing, sys
from tokentrack.usage import UsageTracker

def work(tracker):
    for _ in range(500):
        tracker.track_request("s", "claude-sonnet-4.5", 1, 1)

def child():
    work(UsageTracker(sys.argv[1], background=True))
"""


@pytest.mark.parametrize("end", _ENDS.values(), ids=_ENDS)
def test_every_ordinary_end_flushes(path, end):
    program = (
        _PROGRAM + f"tracker = UsageTracker(sys.argv[1], background=True)\nwork(tracker)\n{end}"
    )
    start_python(program, path, stderr=-3).communicate(timeout=60)
    assert len(rows_of(path)) == 500


def test_the_end_of_a_worker_process_flushes(path):
    program = (
        _PROGRAM
        + """
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
"""
    )
    start_python(program, path).communicate(timeout=60)
    assert len(rows_of(path)) == 500


def test_os_exit_is_no_ordinary_end(path):
    program = (
        _PROGRAM
        + """
import os
tracker = UsageTracker(sys.argv[1], background=True)
with tracker._outbox._writing:
    work(tracker)
    os._exit(0)
"""
    )
    start_python(program, path).communicate(timeout=60)
    assert not path.exists()


def test_a_failing_disk_is_tried_again(path):
    path.mkdir()
    tracker = UsageTracker(path, background=True)
    tracker.track_request("s", MODEL, 1, 1)
    assert not tracker.flush()
    path.rmdir()
    tracker.close()
    assert (len(rows_of(path)), tracker.lost_requests) == (1, 0)


def test_alerts_come_from_the_thread(path):
    alerts = []
    budgets = [Budget(limit_tokens=10, period="day", thresholds=(1.0,))]
    with UsageTracker(path, background=True, budgets=budgets, on_alert=alerts.append) as tracker:
        for _ in range(10):
            tracker.track_request("s", MODEL, 1, 1)
    assert [alert.threshold for alert in alerts] == [1.0]
