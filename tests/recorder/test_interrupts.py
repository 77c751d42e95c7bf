"""Ctrl-C at any moment of a call of the Python API leaves no descriptor open."""

from __future__ import annotations

import pytest

from support.ledgers import needs_proc, run_python

CALLS = """
import contextlib, gc, os, random, signal, sys, threading
from pathlib import Path
from support.ledgers import Workspace, open_descriptors
from tokentrack.recorder import guarded
if len(sys.argv) > 2:
    guarded.interrupts_deferred = contextlib.nullcontext
space = Workspace(Path(sys.argv[1]), durability="none")
tracker, chance, count = space.tracker, random.Random(1), 0
assert tracker.record_transaction("warm", 1)
before = open_descriptors()
for _ in range(100):
    timer = threading.Timer(chance.uniform(0, 0.01), os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        while timer.is_alive():
            tracker.record_transaction("p", 1)
        timer.join()
    except KeyboardInterrupt:
        count += 1
gc.collect()
print(count, open_descriptors() - before)
"""


@needs_proc
@pytest.mark.slow
def test_an_interrupted_call_leaves_no_descriptor_open(tmp_path):
    done = run_python(CALLS, tmp_path)
    count, left = map(int, done.stdout.split())
    assert (count, left) == (100, 0), done.stderr


@needs_proc
@pytest.mark.slow
def test_without_deferring_some_would_be_left(tmp_path):
    done = run_python(CALLS, tmp_path, "flawed")
    # The interrupt can also come where the program itself has no place for it.
    assert done.returncode or int(done.stdout.split()[1]) > 0


@needs_proc
def test_a_wait_for_the_lock_is_interrupted_at_once(tmp_path):
    code = (
        "import os, signal, sys, threading, time\n"
        "from pathlib import Path\n"
        "from support.ledgers import Workspace\n"
        "space = Workspace(Path(sys.argv[1]), file_lock_timeout_seconds=600)\n"
        "assert space.tracker.record_transaction('p', 1)\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "with space.locked():\n"
        "    try:\n"
        "        space.tracker.record_transaction('p', 1)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
    )
    done = run_python(code, tmp_path)
    assert done.stdout == "interrupted\n", done.stderr
