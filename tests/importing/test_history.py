"""`tokentrack import`: Kiro's own history becomes rows, each turn once and to the last credit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from support.imported import SECOND, Hooked, credits_of, here, summary, tokentrack
from support.kiro import Ledger, latest
from support.kiro_homes import build, iso, write_many
from support.kiro_homes.v1 import V1Session


@pytest.mark.parametrize("seed", [1, 7])
def test_all_turns_of_a_home_become_rows_once_and_to_the_last_credit(machine, seed):
    home = build(machine.home, seed)
    found = summary(machine, "--all")
    assert found["added"] == len(home.expected) == len(machine.users.rows())
    assert Decimal(found["credits"]) == home.total() == credits_of(machine.users)
    assert (found["left_out"], found["repeated"]) == ({"half-written": 1}, 9)
    ids = [row["agent_execution_id"] for row in machine.users.rows()]
    assert len(set(ids)) == len(ids)
    assert machine.rows() == [], "the workspace's ledger is another one"


def test_a_row_says_what_kiro_says_of_its_turn(machine):
    home = build(machine.home)
    tokentrack(machine, "import", "--all")
    usage = {row["source_id"]: row for row in machine.users.usage()}
    rows = {row["agent_execution_id"]: row for row in machine.users.rows()}
    for turn in home.expected:
        cells = usage[turn.source_id]
        row = rows[cells["agent_execution_id"]]
        assert (cells["source"], cells["model"]) == (turn.source, turn.model)
        assert (cells["credits"] == "") == (turn.credits is None)
        assert cells["credits_basis"] == ("unknown" if turn.credits is None else "reported")
        assert row["session_id"] == cells["session_id"] == turn.session_id
        assert row["hook_name"] == "import"
        assert row["hook_trigger_type"] == "agentExecutionCompleted"
        assert row["workspace_folder"] in ("", os.path.basename(turn.workspace))
        failed = turn.status in ("aborted", "error") or not (turn.ended_at or turn.status)
        assert row["error_occurred"] == str(failed).lower()
        both = turn.started_at and turn.ended_at
        elapsed = (turn.ended_at - turn.started_at) / SECOND if both else None
        assert row["elapsed_time"] == ("" if elapsed is None else str(elapsed))
        assert row["prompt_text"] == turn.prompt.replace("\n", "\\n")
        assert cells["token_basis"] == ("estimated" if turn.prompt else "unknown")


def test_a_turn_keeps_kiros_own_execution_id(machine):
    turn = V1Session(here(machine), str(machine.root)).turn([0.5])
    tokentrack(machine, "import")
    assert machine.row()["agent_execution_id"] == turn.source_id


def test_running_it_again_adds_nothing_and_then_only_what_is_new(machine):
    home = build(machine.home)
    tokentrack(machine, "import", "--all")
    before = machine.users.folder.joinpath("token_transactions.csv").read_bytes()
    again = summary(machine, "--all")
    assert (again["added"], again["completed"], again["credits"]) == (0, 0, "0")
    assert again["skipped"] == {"already in the ledger": len(home.expected)}
    assert machine.users.folder.joinpath("token_transactions.csv").read_bytes() == before
    V1Session(home, "/w/alpha", bucket="b9").turn([0.125])
    assert summary(machine, "--all")["added"] == 1
    assert credits_of(machine.users) == home.total()


def test_only_the_turns_of_this_workspace_go_into_its_ledger(machine):
    home = here(machine)
    (machine.root / "sub").mkdir()
    for workspace in (str(machine.root), str(machine.root / "sub"), "/w/other", ""):
        V1Session(home, workspace).turn([0.5])
    found = summary(machine)
    skipped = {"of another workspace": 1, "of an unknown workspace": 1}
    assert (found["added"], found["skipped"]) == (2, skipped)
    assert {row["workspace_folder"] for row in machine.rows()} == {"ws"}
    assert machine.users.rows() == []


def test_kiro_home_is_where_all_goes(machine):
    home = here(machine)
    V1Session(home, "/w/x").turn([0.5])
    elsewhere = machine.home / "elsewhere"
    tokentrack(machine, "import", "--all", env={"KIRO_HOME": str(elsewhere)})
    assert len(Ledger(elsewhere).rows()) == 1


def test_a_dry_run_tells_the_same_and_writes_nothing(machine):
    home = build(machine.home)
    before = sorted(machine.home.rglob("*")) + sorted(machine.root.rglob("*"))
    found = summary(machine, "--all", "--dry-run")
    assert (found["added"], Decimal(found["credits"])) == (len(home.expected), home.total())
    assert sorted(machine.home.rglob("*")) + sorted(machine.root.rglob("*")) == before
    assert "would be added" in tokentrack(machine, "import", "--all", "--dry-run")


@pytest.mark.parametrize(("surface", "prefix"), [
    ("v1", "kiro-v1"), ("cli-2", "kiro-cli"), ("ide-0", "kiro-ide"),
])  # fmt: skip
def test_one_surface_can_be_asked_for(machine, surface, prefix):
    home = build(machine.home)
    wanted = [turn for turn in home.expected if turn.source.startswith(prefix)]
    found = summary(machine, "--all", "--surface", surface)
    assert found["by_surface"] == {surface: len(wanted)}


def test_since_leaves_out_what_ended_before(machine):
    home = here(machine)
    session = V1Session(home, str(machine.root))
    session.turn([0.25])
    home.pass_time(3 * 24 * 3600)
    session.turn([0.5])
    found = summary(machine, "--since", "2026-08-22T00:00:00+00:00")
    assert (found["added"], found["credits"]) == (1, "0.5")
    assert "not an ISO 8601 date" in tokentrack(machine, "import", "--since", "yesterday", code=2)


@pytest.mark.parametrize("surface", ["v1", "cli-2", "ide-0"])
def test_what_the_hook_recorded_gets_its_credits_and_no_second_row(machine, surface):
    turn = Hooked(machine).play(surface)
    identity = machine.row()["agent_execution_id"]
    shutil.rmtree(machine.state / "pending")  # as anybody may; else `reconcile` is first
    found = summary(machine)
    assert (found["added"], found["completed"], found["credits"]) == (0, 1, "0.5")
    row = latest(machine)[identity]
    assert (row["credits"], row["source_id"], row["surface"]) == ("0.5", turn.source_id, surface)
    assert "match=window" in row["tags"]
    assert machine.row()["agent_execution_id"] == identity
    assert summary(machine)["skipped"] == {"already in the ledger": 1}


def abort(machine, home, late):
    """Record an aborted turn that began `late` after its start hook, and return it."""
    session = V1Session(home, str(machine.root))
    machine.send("UserPromptSubmit", session.session_id, prompt="p")
    (running,) = machine.running_files()
    event = json.loads(running.read_text())
    event["at"] -= 3600 * SECOND
    running.write_text(json.dumps(event))
    home.at = event["at"] + late - 30 * SECOND
    turn = session.turn([0.5], status="aborted")
    machine.send("UserPromptSubmit", session.session_id, prompt="q")  # ends the first
    shutil.rmtree(machine.state / "pending")
    machine.running_files()[0].unlink()
    return event["at"], turn


@pytest.mark.parametrize(("late", "added"), [(SECOND // 5, 0), (120 * SECOND, 1)])
def test_an_aborted_turn_gets_its_credits_and_no_second_row(machine, late, added):
    # The control: one that began two minutes after the start hook is another turn.
    at, turn = abort(machine, here(machine), late)
    assert turn.started_at == at + late
    found = summary(machine)
    assert (found["added"], found["completed"], found["credits"]) == (added, 1 - added, "0.5")
    assert len(machine.rows()) == 1 + added


@pytest.mark.parametrize("surface", ["v1", "cli-2", "ide-0"])
def test_a_turn_of_another_time_is_not_taken_for_what_the_hook_recorded(machine, surface):
    # The control: the same, but Kiro's turn ran an hour before.
    hooked = Hooked(machine)
    (machine.root / ".kiro").mkdir(exist_ok=True)
    turn = hooked.play(surface)
    files = [p for p in machine.home.rglob("*") if p.is_file()]
    path = next(p for p in files if turn.source_id in p.read_text(errors="replace"))
    _shift(path, turn)
    found = summary(machine)
    assert (found["added"], found["completed"]) == (1, 0)


def _shift(path, turn):
    # All times of the file, an hour earlier.
    text = path.read_text()
    for at in {turn.started_at, turn.ended_at}:
        for digits in (3, 6):
            text = text.replace(iso(at, digits), iso(at - 3600 * SECOND, digits))
        text = text.replace(str(at // 1000), str(at // 1000 - 3600 * 1000))
        text = text.replace(str(at // SECOND), str(at // SECOND - 3600))
    path.write_text(text)


def test_in_the_users_ledger_a_turn_has_the_id_of_its_workspaces_ledger(machine):
    # Found in both, it is one execution to every report.
    Hooked(machine).play("v1")
    identity = machine.row()["agent_execution_id"]
    assert summary(machine, "--all")["added"] == 1
    assert machine.users.row()["agent_execution_id"] == identity
    assert summary(machine, "--all")["added"] == 0


def test_a_turn_whose_hook_has_not_ended_is_left_to_it(machine):
    home = here(machine)
    home.at = int(time.time() * 1000) * 1000
    session = V1Session(home, str(machine.root))
    machine.send("UserPromptSubmit", session.session_id, prompt="p")
    home.at += 60 * SECOND
    session.turn([0.5])
    assert summary(machine)["skipped"] == {"still running": 1}
    machine.send("Stop", session.session_id)
    assert len(machine.rows()) == 1


def test_a_turn_that_has_not_ended_is_left_for_later(machine):
    home = here(machine)
    home.at = int(time.time() * 1000) * 1000 - 60 * SECOND
    session = V1Session(home, str(machine.root))
    turn = session.start()
    assert summary(machine)["skipped"] == {"still running": 1}
    session.finish(turn, [0.5])
    assert summary(machine)["added"] == 1


def test_a_usage_row_that_a_kill_left_alone_does_not_hide_its_turn(machine):
    V1Session(here(machine), str(machine.root)).turn([0.5])
    tokentrack(machine, "import")
    (machine.folder / "token_transactions.csv").unlink()
    assert summary(machine)["added"] == 1
    assert credits_of(machine) == Decimal("0.5")


def test_prompts_are_cut_and_secrets_redacted_as_the_hook_does(machine):
    machine.configure(max_prompt_length=40)
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    V1Session(here(machine), str(machine.root)).turn([0.5], prompt=f"use {secret} " + "x" * 99)
    tokentrack(machine, "import")
    prompt = machine.row()["prompt_text"]
    assert secret not in prompt
    assert prompt.startswith("use [redacted:")
    assert len(prompt) <= 40


@pytest.mark.slow
def test_an_interrupted_import_leaves_whole_batches_and_the_next_one_ends_it(machine):
    write_many(machine.home, 6000, per_session=500, result_bytes=10)
    process = subprocess.Popen(
        [sys.executable, "-m", "tokentrack", "import", "--all"], cwd=machine.root,
        env=machine.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    ledger = machine.users.folder / "token_transactions.csv"
    while process.poll() is None and not ledger.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130), err
    rows = len(machine.users.rows())
    assert rows % 1000 == 0
    tokentrack(machine, "import", "--all")
    ids = [row["agent_execution_id"] for row in machine.users.rows()]
    assert (len(ids), len(set(ids))) == (6000, 6000)
    assert process.returncode == 130, "it was too fast to be interrupted"


@pytest.mark.slow
def test_a_killed_import_can_be_run_again(machine):
    total = write_many(machine.home, 4000, per_session=500, result_bytes=10)
    process = subprocess.Popen(
        [sys.executable, "-m", "tokentrack", "import", "--all"], cwd=machine.root,
        env=machine.environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    usage = machine.users.folder / "token_usage.csv"
    while process.poll() is None and not usage.exists():
        time.sleep(0.001)
    process.kill()
    process.wait()
    tokentrack(machine, "import", "--all")
    assert len(machine.users.rows()) == 4000
    assert credits_of(machine.users) == total


def test_a_ledger_that_can_not_be_written_is_one_sentence(machine):
    V1Session(here(machine), str(machine.root)).turn([0.5])
    (machine.folder / "token_transactions.csv").mkdir()
    out = tokentrack(machine, "import", code=1)
    assert out.startswith("Error: ")


def test_a_home_without_kiro_is_no_error(machine):
    found = summary(machine)
    assert (found["read"], found["added"], found["credits"]) == (0, 0, "0")
