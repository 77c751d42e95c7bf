"""Play executions to a hook in a temporary workspace and look at what it recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.csv_writer import CSVWriter
from tokentrack.events import COMPLETED
from tokentrack.models.config_fields import DEFAULT_LEDGER
from tokentrack.selftest import Checks, temporary_home, trial_config
from tokentrack.store.place import workspace_place

if TYPE_CHECKING:
    from tokentrack.hook import TokenTrackingHook
    from tokentrack.models.config import TrackerConfig

_CONTEXT = {
    "session_id": "selftest", "agent_execution_id": "exec_selftest", "prompt": "Hello 世界",
    "file_patterns": ["*.py", "*.md"], "workspace_folder": "selftest",
}  # fmt: skip


def check_hook(make: type[TokenTrackingHook], config: TrackerConfig) -> dict[str, Any]:
    """Check what a hook of a configuration records; return `success, checks, issues`."""
    checks = Checks()
    with temporary_home() as (root, environ):
        trial = trial_config(config).copy(max_prompt_length=1000, redact_secrets=False)
        hook = make(trial, root=root, environ=environ)
        writer = CSVWriter(trial, place=workspace_place(root, DEFAULT_LEDGER), environ=environ)
        _play(hook, writer, checks)
    return checks.report()


def _play(hook: TokenTrackingHook, writer: CSVWriter, checks: Checks) -> None:
    hook.on_agent_execution_start(_CONTEXT)
    checks.note("start", not writer.read_transactions(), "a start added a row")
    hook.on_agent_execution_complete(_CONTEXT, {"tokens_used": 42})
    rows = writer.read_transactions()
    checks.note("completion", len(rows) == 1, f"{len(rows)} rows instead of 1")
    if rows:
        row = rows[0]
        checks.note("trigger", row.hook_trigger_type == COMPLETED, row.hook_trigger_type)
        checks.note("tokens", row.tokens_used == 42, f"{row.tokens_used} instead of 42")
        checks.note("time", row.elapsed_time is not None, "was not measured")
        checks.note("prompt", row.prompt_text == _CONTEXT["prompt"], "is another one")
        checks.note("patterns", row.file_patterns == _CONTEXT["file_patterns"], "are others")
    hook.on_agent_execution_complete(_CONTEXT, {"tokens_used": 42})
    checks.note("once", len(writer.read_transactions()) == 1, "a repetition was counted")
    hook.disable()
    hook.on_agent_execution_complete({"session_id": "other"}, {"tokens_used": 1})
    checks.note("disable", len(writer.read_transactions()) == 1, "a disabled hook recorded")
    checks.note("configuration", not hook.validate_configuration()["issues"], "is invalid")
