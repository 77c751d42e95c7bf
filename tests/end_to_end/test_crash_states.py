"""Whatever of a command's writes reached the disk before the power failed, every row is there once.

The short form of `scripts/torture --only replay`: of each command's states, some.
"""

import json
import os
import subprocess
import sys
import tempfile

import pytest

from programs.crash_states.__main__ import CASES, FLAWED
from support import TESTS
from support.ledgers import posix_only

pytestmark = [posix_only, pytest.mark.slow]


def replayed(*names: str) -> dict:
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "programs.crash_states", folder, "1", "20", *names],
            cwd=TESTS, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found():
    return replayed(*CASES, *FLAWED)


@pytest.mark.parametrize("name", CASES)
def test_whatever_reached_the_disk_every_row_is_there_once(found, name):
    assert found[name]["states"] > 8
    assert found[name]["wrong"] == []


@pytest.mark.parametrize("name", FLAWED)
def test_a_writer_without_its_fsync_or_its_temporary_file_is_caught(found, name):
    assert found[name]["states"] > 8
    assert found[name]["wrong"]


def test_a_write_that_was_not_recorded_is_noticed():
    result = replayed("unseen")["unseen"]
    assert result["states"] == 0
    assert "not recorded: ['workspace/.kiro/token_transactions.csv']" in result["wrong"][0]
