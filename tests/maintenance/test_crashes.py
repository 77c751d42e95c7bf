"""Killed anywhere, a maintenance job loses and doubles no row."""

import json
import os
import subprocess
import sys
import tempfile

import pytest

from support import TESTS
from support.ledgers import posix_only

pytestmark = [posix_only, pytest.mark.slow]


def swept(job: str, stride: int) -> dict:
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "programs.maintenance_sweep", folder, job, str(stride)],
            cwd=TESTS, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("job", ["rotate", "compress", "prune", "backup", "merge", "repair"])
def test_killed_before_any_line_every_row_is_there_once(job):
    result = swept(job, 4)  # every fourth point here, all of them with a stride of 1
    assert result["kills"] > 40
    assert not result["wrong"]


@pytest.mark.parametrize("job", ["copytruncate", "compress-in-place"])
def test_a_flawed_job_is_caught_by_the_same_sweep(job):
    assert swept(job, 1)["wrong"]
