"""The hook as an object, for programs that run agents themselves.

This class and `tokentrack hook-run` are one implementation: both make events with
`hook_run.build_event` and record them with `Recorder.record`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tokentrack import workspace
from tokentrack.config.editable import HookConfiguration
from tokentrack.config.sources import load_config, own_root
from tokentrack.error_handler import Action, handler_of
from tokentrack.models.columns import COMPLETED, STARTED
from tokentrack.recorder.call_fields import call_fields, facts_of
from tokentrack.recorder.hook_run import build_event, tags_of_environment
from tokentrack.tracker import TokenTracker

if TYPE_CHECKING:
    from pathlib import Path

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths


class TokenTrackingHook(HookConfiguration):
    """Records the agent executions that a program reports; thread-safe, and it never raises.

    The configuration can be changed while it runs; each change takes effect as a whole or not
    at all.
    """

    _instance: ClassVar[TokenTrackingHook | None] = None
    _creating: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        root: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Make a hook; nothing is written before the first event.

        Args:
            config: how to record; by default, the configuration of the files and the environment
                that are in force for the workspace.
            root: the workspace's root; by default, that of the working folder. In the home folder,
                or another folder that is not a project, the user's own ledger is used; so it is
                for a root of "".
            environ: the environment; by default, that of the process.
        """
        self._environ = os.environ if environ is None else environ
        self._root = _root_of(root, self._environ)
        problems: list[str] = []
        if config is None:
            kiro_home = workspace.kiro_home(self._environ)
            config, problems = load_config(self._root, kiro_home, self._environ)
        super().__init__(config.sanitized().copy())
        self._tracker = self._make_tracker(self._config)
        self.error_handler = handler_of(self._tracker.paths, self._log_at, self._environ)
        self._started = time.monotonic()
        self._counts = dict.fromkeys(("started", "completed", "refused", "ignored"), 0)
        if problems:
            self._log(problems)

    @property
    def paths(self) -> LedgerPaths:
        """Where the ledger in use is."""
        return self._tracker.paths

    @classmethod
    def get_instance(cls) -> TokenTrackingHook:
        """Return the hook of this process; a new one at first and after `cleanup`."""
        with cls._creating:
            if TokenTrackingHook._instance is None:
                TokenTrackingHook._instance = cls()
            return TokenTrackingHook._instance

    def on_agent_execution_start(self, context: Mapping[str, Any]) -> None:
        """Open an execution with its time, prompt and patterns; no row is added yet.

        Args:
            context: `session_id` or `agent_execution_id`, by which the completion is recognised,
                and what else is known, by the names of the columns or of a payload. Other keys,
                and those in `tags`, become tags in the usage ledger.
        """
        self._report(STARTED, context, {})

    def on_agent_execution_complete(
        self, context: Mapping[str, Any], result: Mapping[str, Any] | None = None
    ) -> None:
        """Close an execution and add its row.

        An equal completion of the same session within `duplicate_window_seconds` is the same one,
        reported twice. With `agent_execution_id`, executions are never confused.

        Args:
            context: as for the start.
            result: the outcome: `tokens_used` or `usage`, `elapsed_time` (seconds), `response`,
                `success`, `error`; it takes precedence over `context`. Tokens that are not
                reported are estimated and marked as such.
        """
        self._report(COMPLETED, context, {} if result is None else result)

    def get_statistics(self) -> dict[str, Any]:
        """Return the ledger's totals and this hook's own counts since it was made.

        The totals, `errors` and `uptime_seconds` are as in `TokenTracker.get_statistics`.
        `executions_started` and `executions_completed` count accepted events, `events_refused`
        refused ones, and `events_ignored` those that came while the hook was disabled. `enabled`
        says whether it records.
        """
        with self._lock:
            tracker, counts = self._tracker, dict(self._counts)
        totals = tracker.get_statistics()
        del totals["recorded_by_this_tracker"]
        return {
            **totals,
            "enabled": self.is_enabled(),
            "uptime_seconds": time.monotonic() - self._started,
            "errors": self.error_handler.get_error_statistics(),
            "executions_started": counts["started"],
            "executions_completed": counts["completed"],
            "events_refused": counts["refused"],
            "events_ignored": counts["ignored"],
        }

    def test_hook_functionality(self) -> dict[str, Any]:
        """Play executions to a hook like this one, on a temporary ledger.

        Returns:
            `success`; `checks`, by name whether each passed; `issues`, a sentence for each check
            that did not.
        """
        from tokentrack.csv_writer import open_writer
        from tokentrack.recorder.selftest import check_hook

        return check_hook(_make, open_writer, self._snapshot())

    def test_csv_operations(self) -> dict[str, Any]:
        """Try the operations of a temporary ledger; see `CSVWriter.test_csv_operations`."""
        from tokentrack.csv_writer import CSVWriter

        return CSVWriter(self._snapshot(), paths=self.paths).test_csv_operations()

    def cleanup(self) -> None:
        """Record what waits in the spool; the next `get_instance` makes a new hook."""
        with self._lock:
            tracker = self._tracker
        tracker.drain()
        with self._creating:
            if TokenTrackingHook._instance is self:
                TokenTrackingHook._instance = None

    def __reduce__(self) -> tuple[Any, ...]:
        # For a process that is started anew; the counts of this object stay behind.
        environ = None if self._environ is os.environ else dict(self._environ)
        return _opened_again, (type(self), self._snapshot(), self._root, environ)

    def _report(self, name: str, context: object, result: object) -> None:
        with self._lock:
            tracker, config = self._tracker, self._config
            if not self.is_enabled():
                self._counts["ignored"] += 1
                return
        fields = self._fields(name, context, result)
        is_safe = fields is not None and self._record(fields, tracker, config)
        with self._lock:
            kind = "started" if name == STARTED else "completed"
            self._counts[kind if is_safe else "refused"] += 1

    def _fields(self, name: str, context: object, result: object) -> dict[str, Any] | None:
        fields: dict[str, Any] = {}
        for given in (context, result):
            if not isinstance(given, Mapping):
                error = TypeError(f"a mapping is needed, not {type(given).__name__}")
                if self.error_handler.handle_hook_execution_error(error).action is Action.SKIP:
                    return None
                continue
            plain = {key: value for key, value in given.items() if isinstance(key, str)}
            try:
                fields.update(call_fields(plain))
            except RecursionError as error:  # it contains itself
                self.error_handler.handle_hook_execution_error(error)
                return None
        return {**fields, "hook_event_name": name}

    def _record(self, fields: dict[str, Any], tracker: TokenTracker, config: TrackerConfig) -> bool:
        root = self._root or workspace.home_folder(self._environ)
        facts = facts_of(fields, redacts=config.redact_secrets)
        tags = {**tags_of_environment(self._environ), **facts.tags}
        event, refused = build_event(fields, root, config, self._environ, tags)
        if facts.at is not None:
            event.at = facts.at
        tracker.log("WARNING", [*facts.problems, *refused])
        return tracker.record_event(event)

    def _make_tracker(self, config: TrackerConfig) -> TokenTracker:
        return TokenTracker.for_workspace(self._root, config, self._environ)

    def _apply(self, config: TrackerConfig) -> None:
        # First the tracker: if it raises, nothing has changed.
        tracker = self._make_tracker(config)
        with self._lock:
            self._config, self._tracker = config, tracker

    def _log(self, messages: list[str]) -> None:
        self._log_at("WARNING", messages)

    def _log_at(self, level: str, messages: list[str]) -> None:
        self._tracker.log(level, messages)

    def _default_file(self) -> tuple[str, str]:
        return (self._root, ".kiro") if self._root else (workspace.kiro_home(self._environ), "")


def _root_of(root: str | os.PathLike[str] | Path | None, environ: Mapping[str, str]) -> str:
    if root is not None:
        return own_root(os.path.realpath(root), environ) if root else ""
    try:
        found, is_shared = workspace.find_workspace(os.getcwd(), environ)
    except OSError:  # the folder was removed
        return ""
    return "" if is_shared else own_root(found, environ)


def _make(config: TrackerConfig, root: str, environ: Mapping[str, str]) -> TokenTrackingHook:
    return TokenTrackingHook(config, root=root, environ=environ)


def _opened_again(
    kind: type[TokenTrackingHook],
    config: TrackerConfig,
    root: str,
    environ: Mapping[str, str] | None,
) -> TokenTrackingHook:
    return kind(config, root=root, environ=environ)
