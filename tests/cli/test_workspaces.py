"""`tokentrack workspaces`: every known ledger with its turns, also those that are gone."""

import json
import shutil
import subprocess
import sys

import pytest

from support.imported import tokentrack
from support.kiro import read_csv
from tokentrack.reports.render.screen import width_of
from tokentrack.usage import UsageTracker


@pytest.fixture
def two(machine, tmp_path):
    """Return a machine with turns in its own workspace and in another one."""
    machine.send("Stop", "one")
    other = tmp_path / "an other\u202e one"
    (other / ".kiro").mkdir(parents=True)
    for session in ("two", "three"):
        machine.hook({"hook_event_name": "Stop", "session_id": session, "cwd": str(other)})
    machine.other = other
    return machine


def workspaces(machine, *words, columns=None, code=0):
    env = {"COLUMNS": str(columns)} if columns else {}
    return tokentrack(machine, "workspaces", *words, code=code, env=env)


def ledgers_of(machine, *words):
    return json.loads(workspaces(machine, "--json", *words))["ledgers"]


def path_of(root):
    return str(root / ".kiro" / "token_transactions.csv")


def test_each_ledger_has_the_turns_of_its_file(two):
    found = {ledger["path"]: ledger for ledger in ledgers_of(two)}
    assert set(found) == {path_of(two.root), path_of(two.other)}
    for path, ledger in found.items():
        rows = read_csv(two.root.__class__(path))
        assert ledger["turns"] == len(rows) > 0
        assert ledger["last_turn"] == max(row["timestamp"] for row in rows)
        assert ledger["exists"]
        assert ledger["problem"] is None
    assert found[path_of(two.root)]["current"]
    assert not found[path_of(two.other)]["current"]
    assert ledgers_of(two, "--no-index") == list(found.values())


def test_a_folder_that_is_gone_is_named_and_can_be_forgotten(two):
    shutil.rmtree(two.other)
    (gone,) = [ledger for ledger in ledgers_of(two) if not ledger["exists"]]
    assert gone["turns"] is None
    text = workspaces(two)
    assert "missing" in text
    assert "--forget PATH" in text
    assert "forgotten" in workspaces(two, "--forget", str(two.other))
    assert [ledger["path"] for ledger in ledgers_of(two)] == [path_of(two.root)]


def test_a_ledger_is_forgotten_by_its_own_path_and_its_file_is_kept(two):
    path = path_of(two.other)
    workspaces(two, "--forget", path)
    assert [ledger["path"] for ledger in ledgers_of(two)] == [path_of(two.root)]
    assert len(read_csv(two.other / ".kiro" / "token_transactions.csv")) == 2


def test_a_path_that_is_not_known_is_named_in_one_sentence(two):
    done = subprocess.run(
        [sys.executable, "-m", "tokentrack", "workspaces", "--forget", "nowhere"], cwd=two.root,
        env=two.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "not a known ledger" in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(ledgers_of(two)) == 2


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(two, columns):
    text = workspaces(two, columns=columns)
    assert all(width_of(line) <= columns for line in text.splitlines())
    assert "\u202e" not in text
    assert len({line.split()[0] for line in text.splitlines()[2:4]}) == 2, "they can be told apart"
    assert not set("─–…") & set(workspaces(two, "--ascii", columns=columns))


def test_nothing_known_says_what_to_do_next(machine):
    assert "tokentrack init" in workspaces(machine)
    assert ledgers_of(machine) == []


def test_asking_changes_no_file_of_the_workspace(two):
    before = {p: p.stat().st_mtime_ns for p in two.root.rglob("*")}
    workspaces(two)
    assert {p: p.stat().st_mtime_ns for p in two.root.rglob("*")} == before


def hooks_of(machine):
    return {ledger["path"]: ledger["hooks"] for ledger in ledgers_of(machine)}


def test_the_hooks_of_each_workspace_are_listed(two):
    tokentrack(two, "init", "--surface", "v1")
    tokentrack(two, "init", "--surface", "ide-0", "--workspace", two.other)
    assert hooks_of(two) == {
        path_of(two.root): [{"surface": "v1", "fires": True}],
        path_of(two.other): [{"surface": "ide-0", "fires": True}],
    }
    hook = two.root / ".kiro" / "hooks" / "tokentrack.json"
    document = json.loads(hook.read_text())
    for entry in document["hooks"]:
        entry["enabled"] = False
    hook.write_text(json.dumps(document))
    assert hooks_of(two)[path_of(two.root)] == [{"surface": "v1", "fires": False}]
    assert "v1 (off)" in workspaces(two)


def test_a_workspace_with_hooks_and_without_turns_is_not_missing(machine):
    tokentrack(machine, "init", "--surface", "v1")
    (ledger,) = ledgers_of(machine)
    assert (ledger["exists"], ledger["turns"]) == (False, None)
    text = workspaces(machine, columns=200)
    assert "empty" in text
    assert "missing" not in text
    tokentrack(machine, "uninstall")
    assert "missing" in workspaces(machine, columns=200)


def test_a_ledger_of_tracked_requests_alone_is_not_missing(machine):
    with UsageTracker(machine.home / ".kiro" / "token_usage.csv") as tracker:
        tracker.track_request("research", "claude-sonnet-4.5", 2000, 1000)
    tokentrack(machine, "report")
    (found,) = ledgers_of(machine)
    assert (found["turns"], found["exists"]) == (1, True)
    assert "missing" not in workspaces(machine)
