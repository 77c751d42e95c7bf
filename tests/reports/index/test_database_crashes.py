"""Kills at any moment, and many processes at once; the programs do more of both."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support import TESTS


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", f"programs.{program}", *map(str, arguments)],
        cwd=TESTS, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_kill_leaves_an_index_that_answers_rightly():
    code, output = run("report_kills", 8, "--rows", 300)
    assert code == 0, output
    assert "killed 8" in output


def test_processes_and_a_writer_do_not_disturb_one_another():
    code, output = run("report_processes", 8, 15)
    assert code == 0, output


def test_a_kill_just_before_the_end_leaves_what_was_there():
    code, output = run("report_kills", 4, "--rows", 300, "--at-commit")
    assert code == 0, output


@pytest.mark.slow
def test_without_the_journal_a_kill_would_be_seen():
    code, output = run("report_kills", 12, "--rows", 300, "--at-commit", "--without-journal")
    assert code == 1, output
