"""What a program tells of an execution reaches its column, by `TokenTracker` and the hook alike."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from support.kiro import read_csv
from support.ledgers import Workspace
from tokentrack import TokenTrackingHook

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
SHOWN = "2026-01-02T03:04:05.678Z"
TOLD = {
    "credits": ({"credits": 0.4}, {"credits": "0.4", "credits_basis": "reported"}),
    "credits as text": ({"credits": "0.10"}, {"credits": "0.10", "credits_basis": "reported"}),
    "credits as decimal": ({"credits": Decimal("1E+1")}, {"credits": "10"}),
    "no credits": ({"credits": 0}, {"credits": "0", "credits_basis": "reported"}),
    "estimated credits": (
        {"credits": 0.4, "credits_basis": "estimated"}, {"credits_basis": "estimated"},
    ),
    "a basis without credits": (
        {"credits_basis": "reported"}, {"credits": "", "credits_basis": "unknown"},
    ),
    "a time": ({"timestamp": "2026-01-02T04:04:05.678+01:00"}, {"timestamp": SHOWN}),
    "a datetime": ({"timestamp": MOMENT}, {"timestamp": SHOWN}),
    "a trigger": ({"trigger_type": "fileEdited"}, {"hook_trigger_type": "fileEdited"}),
    "a hook's trigger": ({"hook_trigger_type": "manualRun"}, {"hook_trigger_type": "manualRun"}),
    "a duration": ({"duration": 4.2}, {"elapsed_time": "4.2"}),
    "tokens as a number": ({"token_usage": 50}, {"tokens_used": "50", "token_basis": "reported"}),
    "a model of the usage": (
        {"token_usage": {"total_tokens": 5, "model": "m-1"}}, {"tokens_used": "5", "model": "m-1"},
    ),
    "another key": ({"color": "red"}, {"tags": "color=red"}),
    "a message": ({"user_message": "hello"}, {"tags": ""}),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_a_context_tells_reaches_its_column(tmp_path, monkeypatch, name):
    context, cells = TOLD[name]
    space = Workspace(tmp_path)
    monkeypatch.chdir(space.root)
    assert space.tracker.record_transaction("p", context=context)
    assert_cells(space, cells)


@pytest.mark.parametrize("name", TOLD)
def test_what_a_context_of_the_hook_tells_reaches_its_column(tmp_path, name):
    context, cells = TOLD[name]
    space = Workspace(tmp_path)
    hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
    hook.on_agent_execution_start({"session_id": "s", "prompt": "p"})
    hook.on_agent_execution_complete({"session_id": "s"}, context)
    assert_cells(space, {"hook_trigger_type": "agentExecutionCompleted", **cells})


def assert_cells(space, cells):
    (row,) = read_csv(space.ledger)
    (usage,) = read_csv(space.usage)
    found = {**usage, **row}
    assert {name: found[name] for name in cells} == cells


def test_the_start_may_tell_the_trigger(tmp_path):
    space = Workspace(tmp_path)
    hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
    hook.on_agent_execution_start({"session_id": "s", "trigger_type": "fileEdited"})
    hook.on_agent_execution_complete({"session_id": "s"}, {"tokens_used": 1})
    assert_cells(space, {"hook_trigger_type": "fileEdited"})
