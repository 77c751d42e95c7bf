"""Signals: the hook ignores them, so exit code 0 means that the event is stored or counted."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from programs import signals
from support.kiro import finish
from support.ledgers import posix_only

STOP = {"hook_event_name": "Stop", "session_id": "s1"}
IGNORED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("number", IGNORED)
def test_a_signal_while_the_hook_waits_for_its_payload_costs_no_event(machine, number):
    process = machine.start()
    while not is_ignored(process.pid, number):
        assert process.poll() is None
        time.sleep(0.001)
    for _ in range(3):
        process.send_signal(number)
    finish(process, STOP)
    assert machine.row()["session_id"] == "s1"


def is_ignored(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigIgn")]
    return bool(int(mask, 16) & (1 << (number - 1)))


@posix_only
def test_without_that_the_hook_would_end(machine):
    process = machine.start()
    process.send_signal(signal.SIGKILL)
    process.communicate(json.dumps(STOP).encode())
    assert process.returncode == -signal.SIGKILL
    assert machine.rows() == []


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("name", ["int", "term"])
def test_at_any_moment_a_signal_loses_no_event_of_a_hook_that_returned_0(tmp_path, name):
    """15 of each; `python scripts/torture --only signals` sends 300."""
    found = signals.run(tmp_path, name, 15)
    assert found["lost"] == []


@posix_only
@pytest.mark.slow
def test_a_hook_that_ends_at_once_with_0_loses_events(tmp_path):
    assert signals.run(tmp_path, "term", 40, flawed=True)["lost"]
