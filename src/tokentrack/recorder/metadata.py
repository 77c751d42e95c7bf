"""Collect the metadata of an execution: workspace, session, trigger, patterns, hook and branch."""

from __future__ import annotations

import os

from tokentrack import workspace
from tokentrack.models.columns import COMPLETED, STARTED
from tokentrack.recorder import events

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.config.tracker_config import TrackerConfig


class MetadataCollector:
    """Collects metadata from a context (a payload's fields), the environment and the folder."""

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        cwd: str | None = None,
        root: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Find the workspace of a working folder.

        Args:
            config: names the extra collectors and the hook; by default, there are none.
            cwd: the folder that Kiro works in; by default, that of the process.
            root: the workspace's root, if it is known already.
            environ: the environment; by default, that of the process.
        """
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._root = root or workspace.find_root(cwd or os.getcwd(), self._environ)

    def get_workspace_info(self) -> dict[str, Any]:
        """Return the workspace: root, folder name, git branch and kind.

        `workspace_folder` is "" for a folder that is not a project, such as the home folder.
        `git_kind` is "repository", "worktree", "submodule", or "" for a root outside git.
        `git_branch` is "" where no branch is checked out.
        """
        return {
            "workspace_root": self._root,
            "workspace_folder": self._folder_name(),
            "git_branch": workspace.git_branch(self._root, self._environ),
            "git_kind": workspace.git_directory(self._root)[1],
        }

    def get_hook_context(self, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the hook's fields in a context: trigger, execution, session, patterns, name.

        Unknown text is "", unknown patterns are an empty list.
        """
        event, _ = events.parse(events.snake_case(context or {}), self._environ)
        return self._hook_fields(event)

    def collect_execution_metadata(
        self, context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the workspace's and the hook's fields, and the tags of the extra collectors."""
        event, _ = events.parse(events.snake_case(context or {}), self._environ)
        self.complete(event)
        return {
            **self.get_workspace_info(),
            **self._hook_fields(event),
            "workspace_folder": event.workspace_folder,
            "tags": event.tags,
        }

    def complete(self, event: events.Event) -> list[str]:
        """Fill in what an event's payload lacks; return a sentence for each problem.

        An extra collector that fails costs its own tags, never the row.
        """
        event.workspace_folder = event.workspace_folder or self._folder_name()
        event.branch = workspace.git_branch(self._root, self._environ)
        event.patterns = [self._relative(name) for name in event.patterns]
        if self._config is None or not self._config.collectors:
            return []
        from tokentrack.recorder.collectors import collect_tags

        tags, problems = collect_tags(
            self._config.collectors,
            self._root,
            event,
            redact_secrets=self._config.redact_secrets,
        )
        event.tags = {**tags, **event.tags}
        return problems

    def _folder_name(self) -> str:
        # The home folder's name is the user's, not a project's.
        if workspace.is_shared_folder(self._root, self._environ):
            return ""
        return os.path.basename(self._root)

    def _hook_fields(self, event: events.Event) -> dict[str, Any]:
        default_name = self._config.hook_name if self._config else ""
        return {
            "trigger_type": event.trigger,
            "hook_trigger_type": _canonical(event),
            "hook_name": event.hook_name or default_name,
            "session_id": event.session_id,
            "agent_execution_id": event.execution_id,
            "file_patterns": list(event.patterns),
            "surface": event.surface,
        }

    def _relative(self, name: str) -> str:
        inside = self._root + os.sep
        # The root is a real path, but a tool may name a file through a link. No path has a NUL.
        if os.path.isabs(name) and not name.startswith(inside) and "\0" not in name:
            real = os.path.realpath(name)
            name = real if real.startswith(inside) else name
        return name.removeprefix(inside) or name


def _canonical(event: events.Event) -> str:
    names = {events.START: STARTED, events.COMPLETION: COMPLETED}
    return names.get(event.kind, event.trigger)
