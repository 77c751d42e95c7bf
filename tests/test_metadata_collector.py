"""The metadata collector: what surrounds an execution."""

import os

import pytest

from tokentrack.metadata_collector import MetadataCollector
from tokentrack.models import TrackerConfig

CONTEXT = {
    "trigger_type": "agentExecutionCompleted",
    "session_id": "session-123",
    "agent_execution_id": "exec-456",
    "file_patterns": ["*.py", "src/**"],
    "hook_name": "custom-hook",
}
HOOK_FIELDS = {
    "trigger_type", "hook_trigger_type", "hook_name", "session_id", "agent_execution_id",
    "file_patterns", "surface",
}  # fmt: skip
WORKSPACE_FIELDS = {"workspace_root", "workspace_folder", "git_branch", "git_kind"}


@pytest.fixture
def collector(tmp_path):
    root = tmp_path / "project"
    (root / ".kiro").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "src").mkdir()
    return MetadataCollector(TrackerConfig(), cwd=str(root / "src"), environ={})


def test_the_workspace_is_described(collector, tmp_path):
    assert collector.get_workspace_info() == {
        "workspace_root": str(tmp_path / "project"),
        "workspace_folder": "project",
        "git_branch": "main",
        "git_kind": "repository",
    }


def test_the_context_of_a_hook_is_in_the_ledgers_words(collector):
    context = collector.get_hook_context(CONTEXT)
    assert CONTEXT.items() <= context.items()
    assert set(context) == HOOK_FIELDS


@pytest.mark.parametrize(
    ("trigger", "canonical"),
    [
        ("agentStop", "agentExecutionCompleted"),
        ("Stop", "agentExecutionCompleted"),
        ("userPromptSubmit", "agentExecutionStarted"),
        ("postToolUse", "postToolUse"),
        ("mine", "mine"),
    ],
)
def test_a_trigger_has_its_canonical_name(collector, trigger, canonical):
    context = collector.get_hook_context({"event": trigger})
    assert (context["trigger_type"], context["hook_trigger_type"]) == (trigger, canonical)


@pytest.mark.parametrize("context", [None, {}, {"session_id": None, "file_patterns": 5}])
def test_without_a_context_the_rest_has_its_defaults(collector, context):
    found = collector.get_hook_context(context)
    assert found["hook_name"] == "token-tracking-hook"
    assert (found["session_id"], found["file_patterns"]) == ("", [])


def test_everything_together_makes_files_relative_to_the_root(collector, tmp_path):
    path = tmp_path / "project" / "src" / "a.py"
    found = collector.collect_execution_metadata({**CONTEXT, "file_path": str(path)})
    assert set(found) == HOOK_FIELDS | WORKSPACE_FIELDS | {"tags"}
    assert found["file_patterns"] == ["*.py", "src/**", os.path.join("src", "a.py")]
    assert found["workspace_folder"] == "project"


def test_a_context_names_its_own_workspace(collector):
    found = collector.collect_execution_metadata({"workspace_folder": "mine"})
    assert found["workspace_folder"] == "mine"


def test_without_arguments_the_surroundings_of_the_process_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert MetadataCollector().get_workspace_info()["workspace_root"] == str(tmp_path)
