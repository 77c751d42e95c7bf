"""The block that `tokentrack init` adds to .gitignore, and what git then ignores."""

import subprocess

import pytest

from support.hook_files import IDE0, V1, Machine


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], True), (["--track"], False), (["--scope", "user"], False)],
)
def test_gitignore_gets_the_block(machine, arguments, expected):
    machine.run("init", *arguments)
    assert machine.at(".gitignore").exists() == expected


def test_git_ignores_the_records_and_nothing_else(machine):
    subprocess.run(["git", "init", "-q", "."], cwd=machine.root, check=True)
    machine.run("init")
    records = [
        "token_transactions.csv",
        "token_transactions.csv.lock",
        "token_transactions_backup_20260101_000000.csv",
        "token_transactions_20260101_1.csv.gz",
        "token_usage.csv",
        ".tokentrack/log",
    ]
    for name in [*records, "token_tracker_config.json"]:
        machine.put(f".kiro/{name}")
    command = ["git", "status", "--porcelain", "-uall"]
    seen = subprocess.run(command, cwd=machine.root, check=True, capture_output=True, text=True)
    kept = [".gitignore", *IDE0, V1, ".kiro/token_tracker_config.json"]
    assert sorted(line[3:] for line in seen.stdout.splitlines()) == sorted(kept)


def test_a_block_without_an_end_is_refused(machine):
    machine.put(".git/HEAD")
    machine.put(".gitignore", "a\n# >>> tokentrack >>>\n")
    assert "line 2 begins tokentrack's block" in machine.run("init", code=1)
