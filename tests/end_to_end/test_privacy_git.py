"""Git sees no records, whatever the ledger is called and wherever the hook is installed."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from programs import hostile
from support.canaries import PROMPT, configured
from support.ledgers import Workspace, posix_only

pytestmark = posix_only


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    hostile.load()


def untracked(space: Workspace) -> set[str]:
    command = ["git", "status", "--porcelain", "-uall", "-z"]
    done = subprocess.run(command, cwd=space.root, check=True, capture_output=True, text=True)
    return {line[3:] for line in done.stdout.split("\0") if line}


@pytest.mark.parametrize("source", ["file", "environment"])
@pytest.mark.parametrize("name", ["token_transactions.csv", "mine.csv", "with space.csv"])
def test_git_sees_nothing_of_a_ledger_whatever_its_name(tmp_path, name, source):
    space = Workspace(tmp_path)
    subprocess.run(["git", "init", "-q", "."], cwd=space.root, check=True)
    hostile.run(["init", "--surface", "v1"], space.root, space.home)
    before = untracked(space)
    environ = {"KIRO_TOKEN_TRACKER_CSV_FILE_PATH": f".kiro/{name}"}
    if source == "file":
        configured(json.dumps({"csv_file_path": f".kiro/{name}"}))(space)
        before.add(".kiro/token_tracker_config.json")
        environ = {}
    payload = json.dumps({"hook_event_name": "Stop", "session_id": "s", "prompt": PROMPT}).encode()
    hostile.run(["hook-run"], space.root, space.home, payload, **environ)
    for command in (["backup"], ["rotate"]):
        hostile.run(command, space.root, space.home, **environ)
    hostile.run(["hook-run"], space.root, space.home, payload, **environ)
    assert sum(path.suffix == ".csv" for path in space.kiro.iterdir()) >= 3
    assert untracked(space) == before


def test_a_folder_of_state_keeps_itself_out_of_git_without_init(tmp_path):
    space = Workspace(tmp_path, csv_file_path="data/mine.csv")
    subprocess.run(["git", "init", "-q", "."], cwd=space.root, check=True)
    assert space.record(space.event("UserPromptSubmit", session_id="s", prompt=PROMPT))
    assert (space.root / "data/.tokentrack-mine.csv/running").is_dir()
    assert {path for path in untracked(space) if ".tokentrack" in path} == set()


def test_a_ledger_that_a_hook_of_the_user_made_is_out_of_git(tmp_path):
    space = Workspace(tmp_path)
    shutil.rmtree(space.kiro)  # made by the test
    subprocess.run(["git", "init", "-q", "."], cwd=space.root, check=True)
    payload = json.dumps({"hook_event_name": "Stop", "cwd": str(space.root)}).encode()
    hostile.run(["hook-run"], space.root, space.home, payload)
    assert len(space.ids()) == 1
    assert untracked(space) == set()
    rules = space.kiro / ".gitignore"
    rules.write_text("mine")
    shutil.rmtree(space.state)
    hostile.run(["hook-run"], space.root, space.home, payload)
    assert rules.read_text() == "mine", "the user's own rules stay"


def test_a_workspace_that_init_keeps_out_of_git_gets_no_second_file(tmp_path):
    space = Workspace(tmp_path)
    hostile.run(["init"], space.root, space.home)
    hostile.run(["hook-run"], space.root, space.home, b'{"hook_event_name": "Stop"}')
    assert len(space.ids()) == 1
    assert not (space.kiro / ".gitignore").exists()
