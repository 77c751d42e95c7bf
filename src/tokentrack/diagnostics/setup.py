"""The subject of the health checks: one workspace's configuration, ledger and hooks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tokentrack import workspace
from tokentrack.config.sources import ignored_values, ledger_paths, load_config, own_root
from tokentrack.diagnostics.waiting import Waiting, count_waiting, obstacle_of
from tokentrack.errors import FileSystemError
from tokentrack.hookfiles.installed import InstalledHook, installed_hooks
from tokentrack.reports.ledger.ledger_totals import LedgerTotals, ledger_totals, unknown_totals
from tokentrack.reports.scope import own_scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.diagnostics.fixes import FixPlanner
    from tokentrack.diagnostics.last_fired import Moments
    from tokentrack.reports.scope import Scope


class Setup:
    """How a workspace is set up; each part is read when it is first needed, and only once.

    Attributes:
        root: the workspace's root; "" means the user's own ledger.
        foreign: the workspace's root, if its `.kiro` belongs to another user and is not used.
        base: the folder that Kiro reads hooks for: the root, else the user's Kiro folder.
        kiro_home: the user's Kiro folder.
        environ: the environment.
        config: the configuration in force.
        config_problems: what is wrong with its sources, a sentence each.
        paths: the ledger's paths.
        scope: the ledger and its index.
        own: the users whose turns of today count, "" for turns without one; none for all.
        drains: whether the events that wait for the ledger are recorded first.
        obstacle: what keeps events from being recorded, "" if nothing is known that does.
    """

    def __init__(
        self,
        root: str,
        environ: Mapping[str, str],
        scope: Scope | None = None,
        *,
        own: Sequence[str] = (),
        drains: bool = True,
    ) -> None:
        """Load the configuration, and record the events that wait for the ledger if asked to."""
        self.root = own_root(root, environ)
        self.foreign = "" if self.root else root
        self.environ = environ
        self.kiro_home = workspace.kiro_home(environ)
        self.base = self.root or self.kiro_home
        self.config, self.config_problems = load_config(self.root, self.kiro_home, environ)
        self.paths = ledger_paths(self.root, self.config, environ)
        self.scope = scope or own_scope(self.paths, environ)
        self.own = own
        self.drains = drains
        self.obstacle = self._drained() if drains else obstacle_of(self.paths)

    def _drained(self) -> str:
        from tokentrack.tracker import TokenTracker  # `status` does not need it

        return TokenTracker(self.config, paths=self.paths, environ=self.environ).drain()

    @property
    def is_enabled(self) -> bool:
        """Whether the hooks record anything."""
        return self.config.enabled and self.config.hook_enabled

    @cached_property
    def ignored(self) -> list[str]:
        """A sentence for each value that is ignored, since the user does not trust its file."""
        return ignored_values(self.root, self.kiro_home, self.environ)

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
    def ledger(self) -> LedgerTotals:
        """The ledger's totals and damage."""
        try:
            return ledger_totals(self.scope, own=self.own)
        except FileSystemError as error:
            return unknown_totals(str(error))

    @cached_property
    def waiting(self) -> Waiting:
        """Counts of what is not in the ledger."""
        return count_waiting(self.paths, self.environ)

    @cached_property
    def last_fired(self) -> Moments:
        """For each surface and kind of event, when a hook last recorded one."""
        from tokentrack.diagnostics.last_fired import last_fired  # `status` does not need it

        return last_fired(self.paths, self.scope)
