"""scripts/torture: it prints its table, and fails on any loss and on a control that passed."""

import subprocess
import sys

import pytest

from support import SCRIPTS
from support.ledgers import posix_only

pytestmark = posix_only


@pytest.mark.slow
def test_torture_runs_a_part_prints_its_table_and_ends_with_0(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPTS / "torture", "--quick", "--only", "fuzz", "--folder", tmp_path],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| any bytes on stdin |" in done.stdout
    assert "0 lost, torn or doubled" in done.stdout


@pytest.mark.parametrize("bad", ["lost", "torn", "doubled", "control", "wrong"])
def test_torture_ends_with_1_on_any_loss_or_a_control_that_passed(bad):
    values = {"control": "control=0", "wrong": "wrong=['x']"}.get(bad, f"{bad}=1")
    code = f"from torture_table import Row; print(Row('part', {values}).failed)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
