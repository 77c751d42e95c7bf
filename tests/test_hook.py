"""TokenTrackingHook: one implementation with `tokentrack hook-run`, and a runtime configuration."""

import json
import os
import threading

import pytest

from support.kiro import Machine, read_csv
from support.ledgers import Workspace, posix_only
from tokentrack import TokenTrackingHook, TrackerConfig
from tokentrack.config.schema import configuration_schema
from tokentrack.config.trust import trust

ID = {"agent_execution_id": "exec-1", "session_id": "s1"}
CONTEXT = {**ID, "prompt": "Fix 世界", "file_patterns": ["*.py", "*.md"], "hook_name": "mine"}


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def hook(space):
    return TokenTrackingHook(space.config, root=space.root, environ=space.environ)


def files_below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_a_start_and_a_completion_are_one_row(hook, space):
    hook.on_agent_execution_start(CONTEXT)
    assert space.rows() == []
    hook.on_agent_execution_complete(ID, {"tokens_used": 42, "success": False, "error": "oops"})
    (row,) = space.tracker.get_transaction_history()
    assert (row.tokens_used, row.prompt_text, row.file_patterns) == (
        42,
        "Fix 世界",
        ["*.py", "*.md"],
    )
    assert (row.error_occurred, row.error_message, row.hook_name) == (True, "oops", "mine")
    assert row.elapsed_time is not None
    statistics = hook.get_statistics()
    assert (statistics["executions_started"], statistics["executions_completed"]) == (1, 1)
    assert (statistics["transactions_recorded"], statistics["total_tokens_tracked"]) == (1, 42)


@pytest.mark.parametrize(
    ("context", "result"),
    [
        (CONTEXT, {"tokens_used": 42, "elapsed_time": 1.5}),
        ({**ID, "prompt": "x" * 5000}, {"usage": {"input_tokens": 5, "output_tokens": 7}}),
        ({**ID, "prompt": "key AKIAIOSFODNN7EXAMPLE"}, {"success": False, "error": "no"}),
        ({**ID, "userPrompt": "camel", "filePatterns": ["a.py"]}, {"response": "text"}),
        (ID, {}),
    ],
)
def test_the_class_and_hook_run_write_the_same_row(tmp_path, context, result):
    machine = Machine(tmp_path)
    space = Workspace(tmp_path / "api")
    payload = {**context, **result, "hook_event_name": "agentExecutionCompleted"}
    machine.hook({**payload, "workspace_folder": "w"})
    hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
    hook.on_agent_execution_complete({**context, "workspace_folder": "w"}, result)
    for name, changing in (("token_transactions.csv", ["timestamp"]),
                           ("token_usage.csv", ["recorded_at", "user"])):  # fmt: skip
        rows = [read_csv(folder / name)[0] for folder in (machine.folder, space.kiro)]
        by_column = [{n: v for n, v in row.items() if n not in changing} for row in rows]
        assert by_column[0] == by_column[1]


@pytest.mark.parametrize("context", [None, 5, "text", [], {5: 6}, {"cwd": object()}])
def test_a_context_of_any_kind_costs_no_row_and_raises_nothing(hook, space, context):
    hook.on_agent_execution_start(context)
    hook.on_agent_execution_complete(context, {"tokens_used": 5})
    assert len(space.rows()) == 1
    assert hook.get_statistics()["events_refused"] == 0
    counted = 2 if not isinstance(context, dict) else 0
    assert hook.get_statistics()["errors"]["by_category"].get("hook_execution", 0) == counted


def test_by_policy_a_context_that_is_none_is_left_out(space):
    path = space.kiro / "hooks" / "token-tracking.kiro.hook"
    path.parent.mkdir()
    path.write_text('{"error_handling": {"on_unexpected_error": "log_and_skip"}}')
    trust(path, path.read_bytes(), space.environ)
    hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
    hook.on_agent_execution_complete(None, {"tokens_used": 5})
    assert (space.rows(), hook.get_statistics()["events_refused"]) == ([], 1)


def test_a_disabled_hook_records_nothing_and_keeps_every_setting(hook, space):
    hook.apply_configuration_changes({"max_prompt_length": 5})
    before = hook.get_configuration()
    hook.disable()
    hook.on_agent_execution_complete(ID, {"tokens_used": 1})
    assert (space.rows(), hook.get_statistics()["events_ignored"]) == ([], 1)
    hook.enable()
    assert hook.get_configuration() == before
    hook.on_agent_execution_complete(ID, {"tokens_used": 1})
    assert len(space.rows()) == 1


def test_enable_also_undoes_enabled_false(space):
    config = space.config.copy(enabled=False)
    hook = TokenTrackingHook(config, root=space.root, environ=space.environ)
    hook.on_agent_execution_complete(ID, {"tokens_used": 1})
    assert (space.rows(), hook.is_enabled()) == ([], False)
    hook.enable()
    assert hook.is_enabled()
    assert hook.get_configuration()["enabled"]
    hook.on_agent_execution_complete(ID, {"tokens_used": 1})
    assert len(space.rows()) == 1


def test_a_change_takes_effect_at_the_next_event(hook, space):
    changes = {"max_prompt_length": 0, "csv_file_path": ".kiro/other.csv", "hook_name": "new"}
    assert hook.apply_configuration_changes(changes)
    hook.on_agent_execution_complete({**ID, "prompt": "private"}, {"tokens_used": 1})
    assert not space.ledger.exists()
    (row,) = read_csv(space.kiro / "other.csv")
    assert (row["prompt_text"], row["hook_name"]) == ("", "new")


@pytest.mark.parametrize("inside", [True, False])
def test_only_a_file_outside_the_workspace_may_name_a_ledger_outside(hook, space, tmp_path, inside):
    folder = space.kiro if inside else tmp_path
    (folder / "c.json").write_text(json.dumps({"csv_file_path": str(tmp_path / "out.csv")}))
    assert hook.reload_configuration_from_file(folder / "c.json")
    hook.on_agent_execution_complete(ID, {"tokens_used": 1})
    assert (tmp_path / "out.csv").exists() is not inside


@posix_only
def test_the_default_file_is_private_and_written_through_no_link(hook, space, tmp_path):
    assert hook.save_configuration_to_file()
    path = space.kiro / "token_tracker_config.json"
    assert path.stat().st_mode & 0o777 == 0o600
    space.kiro.rename(tmp_path / "elsewhere")
    space.kiro.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "token_tracker_config.json").unlink()
    assert not hook.save_configuration_to_file()
    assert not (tmp_path / "elsewhere" / "token_tracker_config.json").exists()


def test_what_a_newer_version_wrote_survives_a_save(hook, space):
    path = space.kiro / "token_tracker_config.json"
    path.write_text('{"log_level": "DEBUG", "of_the_future": [1]}')
    assert hook.reload_configuration_from_file()
    assert hook.validate_configuration()["unknown_fields"] == ["of_the_future"]
    assert hook.apply_configuration_changes({"retention_days": 9})
    assert hook.save_configuration_to_file()
    saved = json.loads(path.read_bytes())
    assert (saved["of_the_future"], saved["retention_days"]) == ([1], 9)


def test_the_schema_is_the_one_of_the_schema_file(hook):
    assert hook.get_configuration_schema() == configuration_schema()["properties"]


def test_the_self_tests_pass_and_leave_the_users_files_alone(hook, tmp_path):
    hook.apply_configuration_changes({"max_prompt_length": 0, "hook_enabled": False})
    before = files_below(tmp_path)
    for report in (hook.test_hook_functionality(), hook.test_csv_operations()):
        assert (report["success"], report["issues"]) == (True, [])
        assert all(report["checks"].values())
    assert files_below(tmp_path) == before


def test_a_self_test_notices_a_hook_that_records_nothing(hook, monkeypatch):
    monkeypatch.setattr(TokenTrackingHook, "on_agent_execution_complete", lambda *_: None)
    report = hook.test_hook_functionality()
    assert not report["success"]
    assert "completion" in report["issues"][0]


def test_there_is_one_instance_until_its_cleanup(tmp_path, monkeypatch):
    (tmp_path / ".kiro").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = []
    threads = [threading.Thread(target=lambda: found.append(TokenTrackingHook.get_instance()))
               for _ in range(8)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = found[0]
    assert all(hook is first for hook in found)
    first.cleanup()
    first.cleanup()
    second = TokenTrackingHook.get_instance()
    assert second is not first
    second.cleanup()


def test_a_cleanup_records_what_waits(hook, space):
    with space.locked():
        hook.apply_configuration_changes({"hook_lock_timeout_ms": 0})
        hook.on_agent_execution_complete(ID, {"tokens_used": 1})
        assert space.rows() == []
    hook.cleanup()
    assert len(space.rows()) == 1


def test_the_configuration_in_force_counts_without_one(space):
    (space.kiro / "token_tracker_config.json").write_text('{"max_prompt_length": 7, "nope": 1}')
    environ = {**space.environ, "KIRO_TOKEN_TRACKER_LOG_LEVEL": "debug"}
    hook = TokenTrackingHook(root=space.root, environ=environ)
    found = hook.get_configuration()
    assert (found["max_prompt_length"], found["log_level"], found["nope"]) == (7, "DEBUG", 1)
    log = (space.state / "tokentrack.log").read_text()
    assert "1 unknown field" in log
    assert "nope" not in log


def test_without_a_workspace_the_users_own_ledger_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hook = TokenTrackingHook(environ={"HOME": str(tmp_path)})
    assert os.path.realpath(hook.paths.path) == str(tmp_path / ".kiro" / "token_transactions.csv")


def test_changes_and_events_at_once_leave_every_row_whole(hook, space):
    def change():
        for number in range(30):
            assert hook.apply_configuration_changes({"max_prompt_length": number})

    def record(worker):
        for number in range(10):
            context = {"agent_execution_id": f"{worker}-{number}", "prompt": "p" * 40}
            hook.on_agent_execution_complete(context, {"tokens_used": 1})

    threads = [threading.Thread(target=change),
               *[threading.Thread(target=record, args=(n,)) for n in range(4)]]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hook.cleanup()
    assert sorted(space.ids()) == sorted(f"{w}-{n}" for w in range(4) for n in range(10))


@pytest.mark.parametrize("config", [None, 5, {"enabled": True}])
def test_what_is_no_configuration_is_refused(hook, config):
    before = hook.get_configuration()
    assert not hook.update_configuration(config)
    assert "TrackerConfig" in hook.validate_configuration()["refused"][0]
    assert hook.get_configuration() == before


def test_an_updated_configuration_is_not_the_callers_object(hook):
    config = TrackerConfig(collectors=["a"])
    assert hook.update_configuration(config)
    config.max_prompt_length = -5
    config.collectors.append("b")
    assert hook.get_configuration()["collectors"] == ["a"]
    assert hook.validate_configuration()["valid"]
