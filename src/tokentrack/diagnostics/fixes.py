"""Fixes for hooks: a command where one would change something, else a step for the user."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.hookfiles import installed, plan, walk
from tokentrack.hookfiles.detect import choose, detect, ide0_storage, v1_sessions
from tokentrack.hookfiles.entries import quoted
from tokentrack.hookfiles.install import plan_install, plan_target
from tokentrack.hookfiles.migrate import is_migrated, plan_migration
from tokentrack.hookfiles.targets import Request, scope_of, scope_problem, targets
from tokentrack.hookfiles.triggers import equivalent
from tokentrack.hookfiles.uninstall import plan_removal
from tokentrack.workspace import find_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.hookfiles.installed import InstalledHook
    from tokentrack.hookfiles.triggers import Form

_ONE_SCOPE = {"ide-0": "workspace", "crew": "user"}
_FORMS: Mapping[str, Form] = {"ide-0": "ide-0", "v1": "v1", "cli-2": "cli-2", "crew": "v1"}
_NO_AGENT = (
    "create an agent of your own, agents/NAME.json in ~/.kiro (the built-in one can't have hooks), "
    "then run `tokentrack init --surface cli-2 --agent NAME --scope user`"
)


class FixPlanner:
    """Plans the fixes for one workspace's hooks.

    A command is planned before it is suggested, since one that changes nothing or is refused
    would not help.
    """

    def __init__(self, root: str, kiro_home: str, environ: Mapping[str, str]) -> None:
        """Set the workspace's root ("" means the user's own hooks) and the user's Kiro folder."""
        self._root = root
        self._home = kiro_home
        self._environ = environ
        self._scope = None if root else "user"
        self._only_newer = bool(next(v1_sessions(kiro_home), "")) and not any(ide0_storage(environ))

    def for_no_hook(self) -> str:
        """Return what installs the first hook."""
        found = detect(self._root or self._home, self._home, self._environ)
        request = Request(self._root or self._home, self._home, scope=self._scope)
        surfaces, _ = choose(request, found)
        if surfaces:
            force = bool(plan.refused(plan_install(request, surfaces)))
            return self._command("init", request._replace(force=force))
        fixes = (self.for_surface(each.surface) for each in found)
        return _first(fixes) or "run `tokentrack init` in a workspace"

    def for_surface(self, surface: str) -> str:
        """Return what installs a surface's hooks, "" if none of them could fire here."""
        if surface == "cli-2":
            return self._for_agents()
        if surface == "ide-0" and (not self._root or self._only_newer):
            return ""
        request = self._request(surface, self._scope)
        return self._init(request) or self._init(request._replace(force=True))

    def for_hook(self, hook: InstalledHook) -> str:
        """Return what fixes a hook that does not fire."""
        if hook.cause in {installed.DISABLED, installed.NESTED, installed.LINK}:
            return _by_hand(hook)
        if hook.surface == "ide-0" and self._only_newer:
            return self.for_old_file(hook.path) or _by_hand(hook)
        command = self.for_changed_file(hook)
        if not command and hook.surface != "cli-2" and hook.cause != installed.PROGRAM:
            scope = _ONE_SCOPE.get(hook.surface, hook.scope)
            command = self._init(self._request(hook.surface, scope))
        return command or _by_hand(hook)

    def for_changed_file(self, hook: InstalledHook) -> str:
        """Return the command that resets one of our files to what is shipped, "" if none does."""
        agent = _stem(hook.path) if hook.surface == "cli-2" else ""
        if agent and hook.cause == installed.TRIGGER:
            return ""  # it would add the right trigger but keep the wrong one, which Kiro rejects
        return self._init(self._request(hook.surface, hook.scope, agent, force=True), hook.path)

    def for_old_file(self, path: str) -> str:
        """Return the command that migrates a 0.x file, or why it can't be; "" if it is migrated."""
        if is_migrated(path):
            return ""
        step = plan_migration([path], replace=False)[0]
        if step.verb == "refuse":
            return step.note
        return f"tokentrack migrate-hooks {quoted(path)}" if step.verb == "create" else ""

    def for_double(self, surface: str, places: list[tuple[str, str]]) -> str:
        """Return what removes a hook from one of its places, each a scope and a path."""
        for scope, path in sorted(places):
            request = self._request(surface, scope)
            if ("remove", path) in {(a.verb, a.path) for a in plan_removal(request)}:
                return self._command("uninstall", request)
        return f"remove the hook from {max(places)[1]}"

    def for_trust(self) -> str:
        """Return what lets the workspace's own configuration count in full."""
        is_here = self._root == find_root(_current_folder(), self._environ)
        command = "tokentrack trust" if is_here else f"tokentrack trust {quoted(self._root)}"
        return f"look at the file, then run `{command}`, or remove the value"

    def _for_agents(self) -> str:
        folders = walk.kiro_folders(self._root or self._home, self._home, "agents")
        agents = [(s, path) for s, folder in folders for path in walk.json_paths(folder)]
        if not agents:
            return _NO_AGENT
        requests = (self._request("cli-2", scope, _stem(path)) for scope, path in agents)
        check = f"tokentrack validate-hooks {quoted(agents[0][1])}"
        return _first(self._init(request) for request in requests) or check

    def _request(
        self, surface: str, scope: str | None, agent: str = "", *, force: bool = False
    ) -> Request:
        return Request(self._root, self._home, (surface,), scope, agent or None, force)

    def _init(self, request: Request, path: str = "") -> str:
        # "" if the command would be refused, or would not write (with a path: not write that file).
        (surface,) = request.surfaces
        has_folder = self._root or scope_of(surface, request.scope) == "user"
        if not has_folder or scope_problem(surface, request.scope):
            return ""
        planned = [plan_target(each, force=request.force) for each in targets(request, surface)]
        written = [step.path for step in plan.writes(planned)]
        is_useful = path in written if path else bool(written)
        return self._command("init", request) if is_useful and not plan.refused(planned) else ""

    def _command(self, name: str, request: Request) -> str:
        words = ["tokentrack", name]
        for surface in request.surfaces:
            words += ["--surface", surface]
        if request.agent:
            words += ["--agent", quoted(request.agent)]
        if request.scope == "user":
            words += ["--scope", "user"]
        if request.force:
            words.append("--force")
        if request.scope != "user" and self._root != find_root(_current_folder()):
            words += ["--workspace", quoted(self._root)]
        return " ".join(words)


def _by_hand(hook: InstalledHook) -> str:
    path = quoted(hook.path)
    trigger = equivalent(hook.trigger, _FORMS[hook.surface])
    no_stdin = " --no-stdin" if hook.surface == "ide-0" else ""
    command = f"tokentrack hook-run --event {trigger or hook.trigger}{no_stdin}"
    remove = f"remove {path}, then run `tokentrack init --surface {hook.surface}`"
    replace = f'replace "{hook.trigger}" with "{trigger}" in {path}' if trigger else remove
    ending = "json" if hook.surface == "v1" else "kiro.hook"
    return {
        installed.DISABLED: f'set "enabled" to true in {path}',
        installed.TRIGGER: replace,
        installed.PROGRAM: f'set its command to "{command}" in {path}',
        installed.NAME: f"rename the file to {_stem(hook.path)}.{ending}",
        installed.SCOPE: "run `tokentrack init --surface ide-0` in each workspace",
        installed.INERT: remove,
        installed.NESTED: f'write the hook as "{trigger}": [{{"command": "{command}"}}] in {path}',
        installed.LINK: remove,
        installed.SYNTAX: f"tokentrack validate-hooks {path}",
    }[hook.cause]


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _stem(path: str) -> str:
    return os.path.basename(path).removesuffix(".json").removesuffix(".kiro.hook")


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep  # it was removed, so it is not in the workspace
