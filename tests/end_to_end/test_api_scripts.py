"""The scripts of the documents: they run, say what they do, and leave the user's ledger alone."""

import json
import os
import subprocess
import sys

import pytest

from support import SCRIPTS
from support.ledgers import Workspace


def run(name, *arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, str(SCRIPTS / name), *arguments],
        cwd=cwd,
        env={"HOME": str(cwd.parent / "home"), "PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def space(tmp_path):
    space = Workspace(tmp_path)
    assert space.tracker.record_transaction("p", 1, 0.5)
    return space


def state_of(space):
    return {p: p.read_bytes() for p in space.root.rglob("*") if p.is_file()}


def test_a_health_check_tells_of_each_part_and_writes_nothing(space):
    before = state_of(space)
    done = run("health_check.py", cwd=space.root)
    assert done.returncode == 0, done.stderr
    for name in ("hook_files", "csv_file", "configuration", "core_functionality",
                 "hook_functionality"):  # fmt: skip
        assert f" {name}: " in done.stdout
    assert "Overall Status: WARN" in done.stdout, "no hook is installed"
    assert state_of(space) == before


@pytest.mark.parametrize(
    ("damage", "status", "named"),
    [("ledger", "WARN", "line 3"), ("configuration", "WARN", "max_prompt_length")],
)
def test_a_health_check_finds_what_is_wrong(space, damage, status, named):
    if damage == "ledger":
        with open(space.ledger, "ab") as file:
            file.write(b"junk\n")
    else:
        (space.kiro / "token_tracker_config.json").write_text('{"max_prompt_length": -5}')
    done = run("health_check.py", "--json", cwd=space.root)
    checks = json.loads(done.stdout)["checks"]
    name = "csv_file" if damage == "ledger" else "configuration"
    assert checks[name]["status"] == status
    assert named in checks[name]["message"]


def test_a_health_check_fails_where_nothing_can_be_written(space, tmp_path):
    done = run("health_check.py", cwd=space.root, TMPDIR=str(tmp_path / "missing"),
               KIRO_TOKEN_TRACKER_CSV_FILE_PATH=str(space.kiro))  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_performance_test_measures_on_a_temporary_ledger(space):
    before = state_of(space)
    done = run("performance_monitor.py", "--transactions", "20", "--json", cwd=space.root)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["transactions"], result["failed"]) == (20, 0)
    assert result["transactions_per_second"] > 0
    assert "of 20 recorded" in done.stderr, "progress while it runs"
    assert state_of(space) == before


def test_a_performance_test_of_nothing_is_refused(space):
    assert run("performance_monitor.py", "--transactions", "0", cwd=space.root).returncode == 2


def test_the_reference_is_what_the_docstrings_make(tmp_path):
    done = run("make_api_docs.py", "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
