"""Writers and maintenance at the same time: every accepted row is counted once."""

import json
import os
import subprocess
import sys
import tempfile

import pytest

from support import TESTS
from support.ledgers import posix_only

pytestmark = [posix_only, pytest.mark.slow]


def storm(job: str) -> dict:
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "programs.maintenance_storm", folder, job, "4", "120"],
            cwd=TESTS, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("job", ["backup", "restore", "rotate", "prune", "repair", "drain"])
def test_no_row_is_lost_or_doubled_beside_a_job_in_a_loop(job):
    result = storm(job)
    assert result.pop("rounds") > 0
    result.pop("put_off")
    assert result.pop("accepted") == 480
    assert result == {
        "lost": 0, "twice": 0, "unexpected": [], "without_usage": 0, "waiting": 0,
    }  # fmt: skip


@pytest.mark.parametrize("job", ["copytruncate", "rewrite-unlocked"])
def test_the_same_accounting_catches_a_flawed_job(job):
    result = storm(job)
    assert result["lost"] or result["twice"]
