"""The command or the step that fixes a hook: a command is offered only if it would do something."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.hookfiles import installed, plan, scan
from tokentrack.hookfiles.detect import choose, detect, ide0_storage, v1_sessions
from tokentrack.hookfiles.entries import quoted
from tokentrack.hookfiles.install import plan_install, plan_target
from tokentrack.hookfiles.migrate import is_migrated, plan_migration
from tokentrack.hookfiles.targets import Request, scope_of, scope_problem, targets
from tokentrack.hookfiles.triggers import equivalent
from tokentrack.hookfiles.uninstall import plan_removal
from tokentrack.workspace import find_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.hookfiles.installed import InstalledHook
    from tokentrack.hookfiles.triggers import Form

_INIT = "tokentrack init"
_ONE_SCOPE = {"ide-0": "workspace", "crew": "user"}
_FORMS: Mapping[str, Form] = {"ide-0": "ide-0", "v1": "v1", "cli-2": "cli-2", "crew": "v1"}
_NO_AGENT = (
    "make an agent of your own, agents/NAME.json in ~/.kiro (the built-in one can't have hooks), "
    "then `tokentrack init --surface cli-2 --agent NAME --scope user`"
)


class FixPlanner:
    """Plan fixes for the hooks of one workspace, or only the user's where the root is ""."""

    def __init__(self, root: str, kiro_home: str, environ: Mapping[str, str]) -> None:
        """Look which Kiro's traces decide what helps."""
        self._root = root
        self._home = kiro_home
        self._environ = environ
        self._scope = None if root else "user"
        self._only_newer = bool(next(v1_sessions(kiro_home), "")) and not any(ide0_storage(environ))

    def of_nothing(self) -> str:
        """Return what installs the first hook."""
        found = detect(self._root or self._home, self._home, self._environ)
        request = Request(self._root or self._home, self._home, scope=self._scope)
        surfaces, _ = choose(request, found)
        if not surfaces:
            fixes = (self.of_missing(each.surface) for each in found)
            return next((fix for fix in fixes if fix), f"{_INIT} in a workspace")
        planned = plan_install(request, surfaces)
        return self._command(force=bool(plan.refused(planned)), scope=self._scope)

    def of_missing(self, surface: str) -> str:
        """Return what installs a surface's hooks, "" where none of them could fire here."""
        if surface == "cli-2":
            return self._of_agents()
        if surface == "ide-0" and (not self._root or self._only_newer):
            return ""
        return self._init(surface, self._scope) or self._init(surface, self._scope, force=True)

    def _of_agents(self) -> str:
        folders = scan.kiro_folders(self._root or self._home, self._home, "agents")
        agents = [(s, path) for s, folder in folders for path in scan.json_paths(folder)]
        commands = (self._init("cli-2", scope, _stem(path)) for scope, path in agents)
        first = f"tokentrack validate-hooks {quoted(agents[0][1])}" if agents else _NO_AGENT
        return next((command for command in commands if command), first)

    def of_hook(self, hook: InstalledHook) -> str:
        """Return what fixes a hook that does not fire."""
        return self._by_command(hook) or self._by_hand(hook)

    def _by_command(self, hook: InstalledHook) -> str:
        if hook.cause in {installed.DISABLED, installed.NESTED, installed.LINK}:
            return ""
        if hook.surface == "ide-0" and self._only_newer:
            return self.migration(hook.path)
        if reset := self.reset(hook):
            return reset
        beside = hook.surface in {"ide-0", "v1", "crew"} and hook.cause != installed.PROGRAM
        scope = _ONE_SCOPE.get(hook.surface, hook.scope)
        return self._init(hook.surface, scope) if beside else ""

    def reset(self, hook: InstalledHook) -> str:
        """Return the command that brings a file of ours back to what is shipped, "" without one."""
        agent = _stem(hook.path) if hook.surface == "cli-2" else None
        if agent and hook.cause == installed.TRIGGER:
            return ""  # it would add the right one and leave the wrong one, which Kiro minds
        return self._init(hook.surface, hook.scope, agent, force=True, path=hook.path)

    def migration(self, path: str) -> str:
        """Return the command that migrates a 0.x file, or why it can't be; "" if it is migrated."""
        if is_migrated(path):
            return ""
        action = plan_migration([path], replace=False)[0]
        if action.verb == "refuse":
            return action.note
        return f"tokentrack migrate-hooks {quoted(path)}" if action.verb == "create" else ""

    def of_double(self, surface: str, places: list[tuple[str, str]]) -> str:
        """Return what leaves one of the places, each a scope and a path, that have one hook."""
        for scope, path in sorted(places):
            request = Request(self._root, self._home, (surface,), scope)
            for action in plan_removal(request):
                if (action.verb, action.path) == ("remove", path):
                    return self._command("tokentrack uninstall", surface, scope)
        return f"remove the hook from {max(places)[1]}"

    def _by_hand(self, hook: InstalledHook) -> str:
        path = quoted(hook.path)
        name = equivalent(hook.trigger, _FORMS[hook.surface])
        closed = " --no-stdin" if hook.surface == "ide-0" else ""
        command = f"tokentrack hook-run --event {name or hook.trigger}{closed}"
        remove = f"remove {path}, then run `{_INIT} --surface {hook.surface}`"
        rename = "json" if hook.surface == "v1" else "kiro.hook"
        rewrite = f'write "{name}" in place of "{hook.trigger}" in {path}' if name else remove
        return {
            installed.DISABLED: f'set "enabled" to true in {path}',
            installed.TRIGGER: rewrite,
            installed.PROGRAM: f'write "{command}" as its command in {path}',
            installed.NAME: f"name the file {_stem(hook.path)}.{rename}",
            installed.SCOPE: f"run `{_INIT} --surface ide-0` in each workspace",
            installed.INERT: remove,
            installed.NESTED: f'write it flat, "{name}": [{{"command": "{command}"}}], in {path}',
            installed.LINK: remove,
            installed.SYNTAX: f"tokentrack validate-hooks {path}",
        }[hook.cause]

    def _init(
        self,
        surface: str,
        scope: str | None,
        agent: str | None = None,
        *,
        force: bool = False,
        path: str = "",
    ) -> str:
        # The command that installs a surface, "" if it would be refused, do nothing, or (where
        # a path is given) leave that file as it is.
        no_place = not self._root and scope_of(surface, scope) == "workspace"
        if no_place or scope_problem(surface, scope):
            return ""
        request = Request(self._root, self._home, (surface,), scope, agent, force)
        planned = [plan_target(target, force=force) for target in targets(request, surface)]
        written = plan.writes(planned)
        if plan.refused(planned) or not written:
            return ""
        if path and path not in {action.path for action in written}:
            return ""
        return self._command(_INIT, surface, scope, agent, force=force)

    def _command(
        self,
        verb: str = _INIT,
        surface: str = "",
        scope: str | None = None,
        agent: str | None = None,
        *,
        force: bool = False,
    ) -> str:
        words = [verb]
        words += ["--surface", surface] if surface else []
        words += ["--agent", quoted(agent)] if agent else []
        words += ["--scope", "user"] if scope == "user" else []
        words += ["--force"] if force else []
        if scope != "user" and self._root != find_root(_current_folder()):
            words += ["--workspace", quoted(self._root)]
        return " ".join(words)


def _stem(path: str) -> str:
    return os.path.basename(path).removesuffix(".json").removesuffix(".kiro.hook")


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep  # it is gone: anything but the workspace
