"""The subject of the health checks: one workspace's configuration, ledger and hooks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from tokentrack import workspace
from tokentrack.config.sources import load_config
from tokentrack.diagnostics.last_fired import last_fired
from tokentrack.diagnostics.waiting import Waiting, count_waiting
from tokentrack.hookfiles.installed import InstalledHook, installed_hooks
from tokentrack.reports.totals import summarise_ledger
from tokentrack.tracker import TokenTracker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.diagnostics.fixes import FixPlanner
    from tokentrack.diagnostics.last_fired import Moments


class Setup:
    """How a workspace is set up; each part is read when it is first needed, and only once.

    Attributes:
        root: the workspace's root; "" means the user's own ledger.
        base: the folder that Kiro reads hooks for: the root, else the user's Kiro folder.
        kiro_home: the user's Kiro folder.
        environ: the environment.
        config: the configuration in force.
        config_problems: what is wrong with its sources, a sentence each.
        paths: the ledger's paths.
        obstacle: what keeps events from being recorded, "" if nothing does.
    """

    def __init__(self, root: str, environ: Mapping[str, str]) -> None:
        """Load the configuration, and record the events that wait for the ledger."""
        self.root = root
        self.environ = environ
        self.kiro_home = workspace.kiro_home(environ)
        self.base = root or self.kiro_home
        self.config, self.config_problems = load_config(root, self.kiro_home, environ)
        tracker = TokenTracker.for_workspace(root, self.config, environ)
        self.paths = tracker.paths
        self.obstacle = tracker.drain()

    @property
    def is_enabled(self) -> bool:
        """Whether the hooks record anything."""
        return self.config.enabled and self.config.hook_enabled

    @cached_property
    def hooks(self) -> list[InstalledHook]:
        """The installed hooks that start the recorder."""
        return installed_hooks(self.base, self.kiro_home, self.environ)

    @cached_property
    def fixes(self) -> FixPlanner:
        """The planner of fixes for the hooks."""
        from tokentrack.diagnostics.fixes import FixPlanner  # a healthy setup needs none

        return FixPlanner(self.root, self.kiro_home, self.environ)

    @cached_property
    def ledger(self) -> dict[str, Any]:
        """The ledger's totals and damage, as `summarise_ledger` returns them."""
        return summarise_ledger(self.paths)

    @cached_property
    def waiting(self) -> Waiting:
        """Counts of what is not in the ledger."""
        return count_waiting(self.paths, self.environ)

    @cached_property
    def last_fired(self) -> Moments:
        """For each surface and kind of event, when a hook last recorded one."""
        return last_fired(self.paths)
