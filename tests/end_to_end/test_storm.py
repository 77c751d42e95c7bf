"""Many writers at once, and killed at random.

`TOKENTRACK_STORM_SECONDS` (1.5 without it) is how long each storm with kills lasts: 60 or more
give thousands of kills. `pytest -s` prints what each storm did.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from programs import storm
from support.ledgers import PROMPT, Workspace, posix_only, twice

SECONDS = float(os.environ.get("TOKENTRACK_STORM_SECONDS", "1.5"))

pytestmark = [posix_only, pytest.mark.slow]


@pytest.fixture
def memory():
    """Return a folder in memory: there a kill stops a write most often."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no /dev/shm to write to: a kill in the middle of a write is too rare here")
    folder = tempfile.mkdtemp(dir="/dev/shm")
    yield Path(folder)
    shutil.rmtree(folder)


def report(done: dict) -> dict:
    print({name: value for name, value in done.items() if value or name in ("lost", "twice")})  # noqa: T201
    return done


def assert_nothing_lost(done: dict) -> None:
    assert done["lost"] == []
    assert done["damaged"] == []
    assert done["twice"] == []
    assert done["without_usage"] == 0
    assert done["ends_whole"]
    assert done["spooled"] == 0


@pytest.mark.parametrize(("mode", "events"), [("plain", 500), ("hook", 50), ("pairs", 50)])
def test_sixteen_processes_lose_nothing(tmp_path, mode, events):
    done = report(storm.run(tmp_path, workers=16, events=events, mode=mode))
    assert_nothing_lost(done)
    assert done["accepted"] == done["rows"] == done["usage_rows"] == 16 * events
    assert done["waiting"] == 0


def test_real_hook_processes_lose_nothing(tmp_path):
    space = Workspace(tmp_path)

    def hook(name: str, session: str, **fields) -> None:
        payload = json.dumps({"hook_event_name": name, "session_id": session, **fields})
        done = subprocess.run(
            [sys.executable, "-m", "tokentrack", "hook-run", "--workspace", str(space.root)],
            input=payload.encode(), capture_output=True, check=True,
            env={**os.environ, **space.environ},
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (b"", b"")

    def turn(number: int) -> None:
        hook("UserPromptSubmit", f"s{number}", prompt=f'say "{number}",\nplease')
        hook("Stop", f"s{number}", assistant_response="done")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(turn, range(80)))
    expected = sorted(f'say "{number}",\nplease' for number in range(80))
    assert sorted(row[PROMPT] for row in space.rows()) == expected
    assert sorted(space.usage_ids()) == sorted(space.ids())
    assert twice(space.ids()) == []
    assert space.spooled() == []
    assert list((space.state / "running").glob("*.json")) == []


STORMS = {
    "small rows": {"size": 400},
    "rows of 20 kB": {"size": 20_000, "kills_every": 0.008},
    "starts and stops": {"mode": "pairs"},
}


@pytest.mark.parametrize("values", STORMS.values(), ids=STORMS.keys())
def test_kills_lose_nothing_that_was_accepted(tmp_path, values):
    done = report(storm.run(tmp_path, seconds=SECONDS, **{"kills_every": 0.012, **values}))
    assert done["kills"] > storm.FEWEST_KILLS
    assert_nothing_lost(done)


IN_MEMORY = {
    "rows of 20 kB": {"size": 20_000},
    "rows of 300 kB": {"size": 300_000, "workers": 4, "wait_ms": 1000, "durability": "none"},
    "starts and stops": {"mode": "pairs", "durability": "none"},
}


@pytest.mark.parametrize("values", IN_MEMORY.values(), ids=IN_MEMORY.keys())
def test_kills_in_the_middle_of_a_write_lose_nothing(memory, values):
    done = report(storm.run(memory, seconds=SECONDS, kills_every=0.008, **values))
    assert done["kills"] > storm.FEWEST_KILLS
    assert_nothing_lost(done)


def test_a_writer_that_does_not_look_at_the_tail_fails_the_same_storm(memory):
    values = IN_MEMORY["rows of 300 kB"]
    done = report(
        storm.run(memory, seconds=60, kills_every=0.008, flawed=True, until_lost=True, **values)
    )
    assert done["damaged"]
    with pytest.raises(AssertionError):
        assert_nothing_lost(done)
