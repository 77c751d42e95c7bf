"""Which hook files each Kiro would really run, and how to fix the others."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.diagnostics.fixes import FixPlanner
from tokentrack.hookfiles.check import check_paths
from tokentrack.hookfiles.detect import detect, v1_sessions
from tokentrack.hookfiles.installed import INERT, installed_hooks
from tokentrack.recorder.events import COMPLETION, kind_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tokentrack.hookfiles.check import CheckedFile
    from tokentrack.hookfiles.detect import Evidence
    from tokentrack.hookfiles.findings import Finding as FileFinding
    from tokentrack.hookfiles.installed import InstalledHook

_AREA = "hooks"
_SAID_INERT = "is inert"
_SAID_LEGACY = "no released Kiro"


def examine_hooks(root: str, kiro_home: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the recorder's hooks, what is wrong with them, and what other files would not run."""
    hooks = installed_hooks(root or kiro_home, kiro_home, environ)
    planner = FixPlanner(root, kiro_home, environ)
    if not hooks:
        yield Finding(_AREA, PROBLEM, "no hook is installed, so nothing is recorded",
                      planner.of_nothing())  # fmt: skip
    silent = [hook for hook in hooks if not hook.fires and not _twin(hook, hooks)]
    is_recorded = any(hook.fires and _ends_a_turn(hook) for hook in hooks)
    for hook in hooks:
        if hook in silent:
            yield _of_silent(hook, planner, is_needed=not is_recorded and _ends_a_turn(hook))
        else:
            yield Finding(_AREA, OK, _of_sound(hook, _twin(hook, hooks)))
    if hooks and not is_recorded and not any(_ends_a_turn(hook) for hook in silent):
        yield Finding(
            _AREA, PROBLEM, "no hook fires at the end of a turn, so nothing is recorded",
            planner.of_missing(hooks[0].surface) or planner.reset(hooks[0]) or planner.of_nothing(),
        )  # fmt: skip
    yield from _doubles(hooks, planner)
    if hooks:
        in_use = detect(root or kiro_home, kiro_home, environ, own=False)
        yield from _missing(hooks, silent, planner, in_use)
    yield from _of_files(root, kiro_home, hooks, silent, planner)


def _ends_a_turn(hook: InstalledHook) -> bool:
    # What could not be read may be for any moment.
    return not hook.trigger or kind_of(hook.trigger) == COMPLETION


def _twin(hook: InstalledHook, hooks: list[InstalledHook]) -> InstalledHook | None:
    """Return the hook that does the work of one that does not fire."""
    if hook.fires or hook.surface == "cli-2":  # each agent needs its own
        return None
    for other in hooks:
        same = not other.trigger or kind_of(other.trigger) == kind_of(hook.trigger)
        if other is hook or not same:
            continue
        if other.fires and other.surface in {hook.surface, "v1"} and hook.trigger:
            return other
        # Where only v1 counts, it is the v1 file that needs fixing.
        if hook.cause == INERT and other.surface == "v1":
            return other
    return None


def _name(hook: InstalledHook) -> str:
    return f"{hook.surface} {hook.trigger or 'hook'} in {hook.path}"


def _of_sound(hook: InstalledHook, twin: InstalledHook | None) -> str:
    if twin is None:
        return f"{_name(hook)} fires" + (f" ({hook.note})" if hook.note else "")
    return f"{_name(hook)} is not needed ({hook.reason}): {twin.path} has it"


def _of_silent(hook: InstalledHook, planner: FixPlanner, *, is_needed: bool) -> Finding:
    message = f"{_name(hook)} does not fire: {hook.reason}"
    if is_needed:
        message += "; nothing is recorded"
    return Finding(_AREA, PROBLEM if is_needed else WARNING, message, planner.of_hook(hook))


def _doubles(hooks: list[InstalledHook], planner: FixPlanner) -> Iterator[Finding]:
    places = defaultdict(set)
    for hook in hooks:
        if hook.fires:
            places[hook.surface, hook.trigger].add((hook.scope, hook.path))
    for (surface, trigger), found in places.items():
        scopes = {scope for scope, _ in found}
        if len(scopes) > 1 and surface != "cli-2":
            paths = " and ".join(sorted(path for _, path in found))
            yield Finding(
                _AREA, WARNING,
                f"{surface} {trigger} is installed in two scopes, so each turn starts it twice "
                f"(it is counted once): {paths}",
                planner.of_double(surface, sorted(found)),
            )  # fmt: skip


def _missing(
    hooks: list[InstalledHook],
    silent: list[InstalledHook],
    planner: FixPlanner,
    in_use: Collection[Evidence],
) -> Iterator[Finding]:
    # A hook that does not fire has already been reported, with its fix.
    known = {hook.surface for hook in hooks if hook.fires} | {hook.surface for hook in silent}
    if any(hook.cause == INERT for hook in silent):
        known.add("v1")
    for found in in_use:
        fix = "" if found.surface in known else planner.of_missing(found.surface)
        if fix:
            message = f"{found.surface} is in use, and no hook of it is installed here"
            yield Finding(_AREA, WARNING, message, fix)


def _of_files(
    root: str,
    kiro_home: str,
    hooks: list[InstalledHook],
    silent: list[InstalledHook],
    planner: FixPlanner,
) -> Iterator[Finding]:
    # Every hook file, also the user's own: what Kiro would not run, and what can be migrated.
    folders = [os.path.join(root, ".kiro"), kiro_home] if root else [kiro_home]
    places = [os.path.join(f, name) for f in folders for name in ("hooks", "agents")]
    major = 1 if next(v1_sessions(kiro_home), None) else None
    report = check_paths([p for p in places if os.path.isdir(p)], ide_major=major)
    ours, told = {hook.path for hook in hooks}, {hook.path for hook in silent}
    for file in report.files:
        for finding in file.findings if file.path not in told else ():
            fix = _fix_of_file(file, finding, planner, is_ours=file.path in ours)
            if fix:
                yield Finding(_AREA, WARNING, f"{file.path}: {finding.message}", fix)


def _fix_of_file(
    file: CheckedFile, finding: FileFinding, planner: FixPlanner, *, is_ours: bool
) -> str:
    if finding.level == "error":
        return finding.hint
    can_migrate = _SAID_INERT in finding.message or _SAID_LEGACY in finding.message
    # Whether a hook of ours fires has been told.
    return planner.migration(file.path) if can_migrate and not is_ours else ""
