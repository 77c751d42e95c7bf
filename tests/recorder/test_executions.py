"""Executions: a start opens one, a completion closes it, and no turn is counted twice or mixed."""

import json
import os
import time

import pytest

from support.kiro import finish
from support.ledgers import Workspace
from tokentrack.models import TrackerConfig
from tokentrack.models.columns import COLUMNS
from tokentrack.tracker import TokenTracker

HOUR_US = 3_600_000_000
EVERY_ONE = {"KIRO_TOKEN_TRACKER_DUPLICATE_WINDOW_SECONDS": "0"}


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


def test_a_turn_is_one_row_with_what_its_start_knew(machine):
    machine.send("UserPromptSubmit", prompt="do it", patterns=["*.py"], hook_name="mine")
    assert machine.rows() == []
    machine.send("PostToolUse", tool_input={"path": "a.py"})
    machine.send("Stop", assistant_response="done")
    row = machine.row()
    assert (row["prompt_text"], row["hook_name"], row["tokens_used"]) == ("do it", "mine", "3")
    assert row["file_patterns"] == "*.py;a.py"
    assert machine.running() == []


def test_a_completion_knows_better_than_its_start(machine):
    machine.send("UserPromptSubmit", prompt="first", hook_name="start", patterns=["a"])
    machine.send("Stop", prompt="second", hook_name="stop", patterns=["b", "a"], elapsed_time=7)
    row = machine.row()
    assert (row["prompt_text"], row["hook_name"]) == ("second", "stop")
    assert (row["file_patterns"], float(row["elapsed_time"])) == ("a;b", 7)


def test_elapsed_time_is_measured_between_start_and_completion(machine):
    machine.send("UserPromptSubmit")
    (path,) = machine.running_files()
    rewrite(path, at=json.loads(path.read_bytes())["at"] - 90_000_000)
    machine.send("Stop")
    assert 90 <= float(machine.row()["elapsed_time"]) < 150


def test_a_clock_that_went_back_measures_nothing(machine):
    machine.send("UserPromptSubmit")
    (path,) = machine.running_files()
    rewrite(path, at=json.loads(path.read_bytes())["at"] + HOUR_US)
    machine.send("Stop")
    assert machine.row()["elapsed_time"] == ""


@pytest.mark.parametrize(
    ("event", "fields", "patterns"),
    [
        ("PreToolUse", {"tool_input": {"file_path": "a.py"}}, "a.py"),
        ("PostToolUse", {"tool_input": {"paths": ["a.py", "b.py", "a.py"]}}, "a.py;b.py"),
        ("PostFileSave", {"file_path": "odd;name"}, "odd\\;name"),
        ("PostFileCreate", {"file_path": "a.py"}, "a.py"),
        ("PostFileDelete", {"filePath": "a.py"}, "a.py"),
        ("PostTaskExec", {"files": ["a.py"]}, "a.py"),
    ],
)
def test_tool_task_and_file_events_add_their_files(machine, event, fields, patterns):
    machine.send("UserPromptSubmit")
    machine.send(event, **fields)
    machine.send(event, **fields)
    machine.send("Stop")
    assert machine.row()["file_patterns"] == patterns


def test_an_event_of_another_session_adds_nothing(machine):
    machine.send("UserPromptSubmit", "s1")
    machine.send("PostToolUse", "s2", tool_input={"path": "a.py"})
    machine.send("PostToolUse", None, tool_input={"path": "b.py"})
    assert [event["patterns"] for event in machine.running()] == [[]]


def test_a_start_without_completion_is_an_error_when_its_session_starts_again(machine):
    machine.send("UserPromptSubmit", prompt="first")
    machine.send("UserPromptSubmit", prompt="second")
    row = machine.row()
    assert (row["error_occurred"], row["prompt_text"]) == ("true", "first")
    assert (row["hook_trigger_type"], row["elapsed_time"]) == ("agentExecutionStarted", "")
    machine.send("Stop")
    assert [r["prompt_text"] for r in machine.rows()] == ["first", "second"]
    assert machine.rows()[1]["error_occurred"] == "false"


@pytest.mark.parametrize(("hours", "rows"), [("24", 1), ("26", 0)])
def test_a_start_without_completion_is_an_error_after_some_hours(machine, hours, rows):
    machine.send("UserPromptSubmit", prompt="long ago")
    (path,) = machine.running_files()
    rewrite(path, at=json.loads(path.read_bytes())["at"] - 25 * HOUR_US)
    an_hour_ago = time.time() - 3601
    os.utime(machine.state / "closed" / "swept", (an_hour_ago, an_hour_ago))
    machine.hook({"hook_event_name": "PostToolUse", "session_id": "other"},
                 env={"KIRO_TOKEN_TRACKER_STALE_EXECUTION_HOURS": hours})  # fmt: skip
    assert len(machine.rows()) == rows
    assert all(row["error_occurred"] == "true" for row in machine.rows())
    assert len(machine.running()) == 1 - rows


def test_old_executions_are_looked_for_once_an_hour(machine):
    machine.send("UserPromptSubmit")
    (path,) = machine.running_files()
    rewrite(path, at=0)
    machine.send("PostToolUse", "other")
    assert machine.rows() == []


TWICE = ["UserPromptSubmit", "UserPromptSubmit", "PostToolUse", "PostToolUse", "Stop", "Stop"]


@pytest.mark.parametrize("session", ["s1", None])
def test_the_same_hook_installed_twice_is_one_row(machine, session):
    for event in TWICE:
        machine.send(event, session, prompt="do it")
    assert machine.row()["prompt_text"] == "do it"
    assert machine.running() == []


@pytest.mark.slow
@pytest.mark.parametrize("session", ["s1", None])
def test_the_same_hook_installed_three_times_at_once_is_one_row_a_turn(machine, session):
    for turn in range(4):
        for event in ("UserPromptSubmit", "Stop"):
            payload = {"hook_event_name": event, "prompt": f"turn {turn}"}
            hooks = [machine.start() for _ in range(3)]
            for hook in hooks:
                hook.stdin.write(json.dumps({**payload, "session_id": session}).encode())
            for hook in hooks:
                finish(hook)
    machine.send("PostToolUse", "the last one records what still waits")
    assert [row["prompt_text"] for row in machine.rows()] == [f"turn {n}" for n in range(4)]
    assert machine.running() == []


@pytest.mark.parametrize(("seconds_before", "rows"), [(5, 1), (30, 2)])
def test_an_equal_completion_from_before_the_window_is_another_turn(tmp_path, seconds_before, rows):
    """An event can wait in the spool while later ones are recorded, and so come after them."""
    space = Workspace(tmp_path, duplicate_window_seconds=10)
    late = space.event("Stop", session_id="s", assistant_response="done")
    early = space.event("Stop", session_id="s", assistant_response="done")
    early.at = late.at - seconds_before * 1_000_000
    assert early.fingerprint == late.fingerprint
    assert space.record(late)
    assert space.record(early)
    assert len(space.rows()) == rows


@pytest.mark.parametrize(("is_cut", "tokens"), [(True, 2000), (False, 1000)])
def test_a_prompt_that_an_environment_variable_cut_is_that_of_the_start(tmp_path, is_cut, tokens):
    space = Workspace(tmp_path)
    assert space.record(space.event("promptSubmit", session_id="s", prompt="word " * 2000))
    stop = space.event("agentStop", session_id="s", prompt="word " * 1000)
    stop.prompt_is_cut = is_cut
    assert space.record(stop)
    (row,) = space.rows()
    assert abs(int(row[COLUMNS.index("tokens_used")]) - tokens) < tokens / 4


def test_without_the_window_every_event_counts(machine):
    for event in ("UserPromptSubmit", "Stop", "Stop"):
        machine.hook({"hook_event_name": event, "session_id": "s1"}, env=EVERY_ONE)
    assert len(machine.rows()) == 2


def test_two_quick_turns_with_the_same_text_are_two_rows(machine):
    for event in ("UserPromptSubmit", "Stop", "UserPromptSubmit", "Stop"):
        machine.send(event, prompt="yes")
    assert len(machine.rows()) == 2


def test_turns_that_waited_in_the_spool_are_all_recorded(machine):
    with machine.locked():
        for _ in range(3):
            machine.hook({"hook_event_name": "Stop", "session_id": "s1"})
    for minutes, path in enumerate(machine.waiting()):
        event = json.loads(path.read_bytes())
        event["event"]["at"] -= (10 - minutes) * 60_000_000
        path.write_text(json.dumps(event))
    machine.send("Stop", "s2")
    assert [row["session_id"] for row in machine.rows()] == ["s1", "s1", "s1", "s2"]


def test_a_turn_in_the_spool_keeps_its_order(machine):
    with machine.locked():
        machine.send("UserPromptSubmit", prompt="first")
        machine.send("UserPromptSubmit", prompt="second")
        machine.send("Stop")
        assert len(machine.waiting()) == 3
    machine.send("Stop", "s2")
    rows = [(row["prompt_text"], row["error_occurred"]) for row in machine.rows()]
    assert rows == [("first", "true"), ("second", "false"), ("", "false")]


def test_an_execution_id_given_twice_is_one_row(machine):
    for _ in range(3):
        machine.send("agentExecutionCompleted", agent_execution_id="e,1", tokens_used=5)
    assert machine.row()["agent_execution_id"] == "e,1"
    assert len(machine.usage()) == 1


@pytest.mark.parametrize("identity", ["e1", "s1", "agentExecutionCompleted", "5", "exec_0"])
def test_an_execution_id_is_looked_for_in_its_own_column(machine, identity):
    machine.send("agentExecutionCompleted", "s1", agent_execution_id="exec_00", prompt="e1,5",
                 tokens_used=5)  # fmt: skip
    machine.send("agentExecutionCompleted", "s1", agent_execution_id=identity)
    assert len(machine.rows()) == 2


def test_an_execution_id_is_known_after_many_rows(machine):
    machine.send("agentExecutionCompleted", agent_execution_id="e1")
    ledger = str(machine.folder / "token_transactions.csv")
    tracker = TokenTracker(TrackerConfig(csv_file_path=ledger))
    for number in range(300):
        assert tracker.record_transaction("x" * 1000, number, 0.0)
    machine.send("agentExecutionCompleted", agent_execution_id="e1")
    assert sum(row["agent_execution_id"] == "e1" for row in machine.rows()) == 1


def test_executions_of_one_session_with_ids_run_at_the_same_time(machine):
    for identity in ("e1", "e2", "e1"):
        machine.send("agentExecutionStarted", agent_execution_id=identity, prompt=f"for {identity}")
    for identity in ("e2", "e1"):
        machine.send("agentExecutionCompleted", agent_execution_id=identity)
    rows = [(row["agent_execution_id"], row["prompt_text"]) for row in machine.rows()]
    assert rows == [("e2", "for e2"), ("e1", "for e1")]


def test_a_replayed_execution_id_does_not_end_the_running_turn(machine):
    machine.send("agentExecutionCompleted", agent_execution_id="e1")
    machine.send("UserPromptSubmit", prompt="still running")
    machine.send("agentExecutionCompleted", agent_execution_id="e1")
    machine.send("Stop")
    assert [row["prompt_text"] for row in machine.rows()] == ["", "still running"]


def test_parallel_subagents_do_not_mix(machine):
    def crew(event, agent, **fields):
        payload = {"hook_event_name": event, "parent_session_key": "crew", "subagent_id": agent}
        machine.hook({**payload, **fields}, env={"KIROCREW_HOOK_EVENT": event})

    for agent in "abc":
        crew("UserPromptSubmit", agent, prompt=f"of {agent}")
    for agent in "cab":
        crew("Stop", agent, assistant_text="same text", hook_continuation_count=0)
        crew("Stop", agent, assistant_text="same text", hook_continuation_count=0)
    assert [row["prompt_text"] for row in machine.rows()] == ["of c", "of a", "of b"]
    assert {row["session_id"] for row in machine.rows()} == {"crew"}


def ide(machine, window, event, prompt=""):
    environment = {"VSCODE_PID": window, "USER_PROMPT": prompt, **EVERY_ONE}
    machine.hook(b"", "--event", event, "--no-stdin", env=environment)


def test_two_windows_without_session_ids_do_not_mix(machine):
    ide(machine, "1", "promptSubmit", "of 1")
    ide(machine, "2", "promptSubmit", "of 2")
    ide(machine, "1", "agentStop")
    ide(machine, "2", "agentStop")
    assert [row["prompt_text"] for row in machine.rows()] == ["of 1", "of 2"]


def test_a_surplus_stop_of_one_window_does_not_end_the_turn_of_another(machine):
    ide(machine, "1", "promptSubmit", "of 1")
    ide(machine, "2", "promptSubmit", "of 2")
    ide(machine, "2", "agentStop")
    ide(machine, "2", "agentStop")
    ide(machine, "1", "agentStop")
    assert [row["prompt_text"] for row in machine.rows()] == ["of 2", "", "of 1"]


def test_a_terminal_without_session_id_pairs_its_own_turns(machine):
    for event in ("userPromptSubmit", "stop"):
        machine.hook({"hook_event_name": event, "cwd": str(machine.root), "prompt": "p"})
    assert machine.row()["prompt_text"] == "p"
    assert machine.row()["elapsed_time"] != ""


def test_two_hooks_of_one_turn_in_different_terminal_sessions_are_one_turn(machine):
    for event, alone in (("userPromptSubmit", True), ("stop", False)):
        payload = {"hook_event_name": event, "prompt": "p"}
        finish(machine.start(start_new_session=alone), payload)
    assert machine.row()["elapsed_time"] != ""


@pytest.mark.parametrize(
    "session", ["../../escape", "a/b", "a\0b", "x" * 500, "é😀", "CON", ".", "~"]
)
def test_a_session_id_never_names_a_file_elsewhere(machine, session):
    machine.send("UserPromptSubmit", session, prompt="p")
    (path,) = machine.running_files()
    assert path.parent == machine.state / "running"
    machine.send("Stop", session)
    assert machine.row()["prompt_text"] == "p"


def test_sessions_whose_ids_look_alike_do_not_mix(machine):
    names = ["a", "A", "a.", "a..json", "a/b", "a b", "s-a", "~", "a~", "h-a"]
    for name in names:
        machine.send("UserPromptSubmit", name, prompt=f"of {name}")
    for name in reversed(names):
        machine.send("Stop", name)
    assert [row["prompt_text"] for row in machine.rows()] == [f"of {n}" for n in reversed(names)]


def test_a_late_repetition_leaves_another_executions_start_alone(machine):
    machine.send("agentExecutionStarted", None, prompt="one", execution_id="X1")
    machine.send("agentExecutionCompleted", None, execution_id="X1")
    machine.send("agentExecutionStarted", None, prompt="two")
    machine.send("agentExecutionCompleted", None, execution_id="X1")
    (running,) = machine.running()
    assert running["prompt"] == "two"
    assert machine.row()["agent_execution_id"] == "X1"
