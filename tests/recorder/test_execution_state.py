"""The open executions: bounded for a hook, complete for a command."""

from __future__ import annotations

import pytest

from support.ledgers import Workspace
from tokentrack.recorder import execution_state
from tokentrack.recorder.execution_state import ExecutionState
from tokentrack.store.directory import Directory


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none")


def start(space, session, prompt="p"):
    assert space.record(space.event("UserPromptSubmit", session_id=session, prompt=prompt))


@pytest.mark.parametrize(("in_hook", "count"), [(True, 5), (False, 12)])
def test_a_hook_looks_at_a_bounded_number_of_open_executions(space, monkeypatch, in_hook, count):
    for number in range(12):
        start(space, f"s{number}")
    monkeypatch.setattr(execution_state, "_MOST_NAMES", 5)
    assert len(all_running(space, in_hook=in_hook)) == count


@pytest.mark.parametrize(("in_hook", "count"), [(True, 3), (False, 6)])
def test_a_hook_reads_a_bounded_number_of_bytes(space, monkeypatch, in_hook, count):
    for number in range(6):
        start(space, f"s{number}", "p" * 1000)
    monkeypatch.setattr(execution_state, "_MAX_READ", 4000)
    assert len(all_running(space, in_hook=in_hook)) == count


def all_running(space, *, in_hook):
    with Directory.open(str(space.state)) as folder:
        state = ExecutionState(folder, in_hook=in_hook)
        try:
            return state.all_running()
        finally:
            state.close()


def test_the_file_of_the_own_execution_is_read_whatever_else_there_is(space, monkeypatch):
    start(space, "s", "the prompt")
    for number in range(12):
        start(space, f"other{number}")
    monkeypatch.setattr(execution_state, "_MOST_NAMES", 0)
    monkeypatch.setattr(execution_state, "_MAX_READ", 0)
    assert space.record(space.event("Stop", session_id="s"))
    assert [row[1] for row in space.rows()] == ["the prompt"]
