"""Which hook files Kiro would run, and how to fix the others."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.diagnostics.folders import to_list
from tokentrack.hookfiles.detect import detect, v1_sessions
from tokentrack.hookfiles.installed import INERT
from tokentrack.recorder.events import COMPLETION, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.diagnostics.setup import Setup
    from tokentrack.hookfiles.check import CheckedFile
    from tokentrack.hookfiles.installed import InstalledHook
    from tokentrack.hookfiles.problems import FileFinding

_AREA = "hooks"
_SAYS_INERT = "is inert"
_SAYS_LEGACY = "no released Kiro"


def check_hook_folders(setup: Setup) -> Iterator[Finding]:
    """Yield the folders of hook files that can't be read."""
    for home in _kiro_folders(setup):
        folder = os.path.join(home, "hooks")
        try:
            os.scandir(folder).close()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            message = f"{folder} can't be read ({error.strerror}), so its hooks are unknown"
            yield Finding(_AREA, WARNING, message, to_list(folder))


def check_any_hook(setup: Setup) -> Iterator[Finding]:
    """Yield whether no hook is installed; the Python API and imports need none."""
    if not setup.hooks and not any(check_hook_folders(setup)):
        has_rows = setup.ledger.rows > 0
        what = "Kiro's turns are not recorded" if has_rows else "nothing is recorded"
        yield Finding(
            _AREA, WARNING if has_rows else PROBLEM, f"no hook is installed, so {what}",
            setup.fixes.for_no_hook(),
        )  # fmt: skip


def check_hooks(setup: Setup) -> Iterator[Finding]:
    """Yield each installed hook: whether it fires, and if not, whether that loses turns."""
    hooks = setup.hooks
    silent = silent_hooks(hooks)
    is_recorded = any(hook.fires and _ends_a_turn(hook) for hook in hooks)
    for hook in hooks:
        if hook in silent:
            yield _silent_hook(hook, setup, is_needed=not is_recorded and _ends_a_turn(hook))
        else:
            yield Finding(_AREA, OK, _working_hook(hook, _twin(hook, hooks)))
    if hooks and not is_recorded and not any(_ends_a_turn(hook) for hook in silent):
        fixes = setup.fixes
        yield Finding(
            _AREA, PROBLEM, "no hook fires at the end of a turn, so nothing is recorded",
            fixes.for_surface(hooks[0].surface) or fixes.for_changed_file(hooks[0])
            or fixes.for_no_hook(),
        )  # fmt: skip


def check_double_hooks(setup: Setup) -> Iterator[Finding]:
    """Yield hooks that are installed for the workspace and for the user."""
    places = defaultdict(set)
    for hook in setup.hooks:
        if hook.fires:
            places[hook.surface, hook.trigger].add((hook.scope, hook.path))
    for (surface, trigger), found in places.items():
        if len({scope for scope, _ in found}) > 1 and surface != "cli-2":
            paths = " and ".join(sorted(path for _, path in found))
            yield Finding(
                _AREA, WARNING,
                f"{surface} {trigger} is installed in two scopes, so it starts twice per turn "
                f"(the turn is counted once): {paths}",
                setup.fixes.for_double(surface, sorted(found)),
            )  # fmt: skip


def check_missing_hooks(setup: Setup) -> Iterator[Finding]:
    """Yield the surfaces in use that have no hook, once any hook is installed."""
    silent = silent_hooks(setup.hooks)
    # A hook that does not fire has already been reported, with its fix.
    known = {hook.surface for hook in setup.hooks if hook.fires or hook in silent}
    if any(hook.cause == INERT for hook in silent):
        known.add("v1")
    in_use = detect(setup.base, setup.kiro_home, setup.environ, own=False) if setup.hooks else []
    for found in in_use:
        fix = "" if found.surface in known else setup.fixes.for_surface(found.surface)
        if fix:
            message = f"{found.surface} is in use, but has no hook installed here"
            yield Finding(_AREA, WARNING, message, fix)


def check_hook_files(setup: Setup) -> Iterator[Finding]:
    """Yield what is wrong with any hook file, the user's own too, and what can be migrated."""
    from tokentrack.hookfiles.check import check_paths  # `status` does not need it

    places = [os.path.join(f, name) for f in _kiro_folders(setup) for name in ("hooks", "agents")]
    major = 1 if next(v1_sessions(setup.kiro_home), None) else None
    report = check_paths([p for p in places if os.path.isdir(p)], ide_major=major)
    ours = {hook.path for hook in setup.hooks}
    reported = {hook.path for hook in silent_hooks(setup.hooks)}
    for file in report.files:
        for finding in file.findings if file.path not in reported else ():
            fix = _fix_for_file(file, finding, setup, is_ours=file.path in ours)
            if fix:
                yield Finding(_AREA, WARNING, f"{file.path}: {finding.message}", fix)


def _kiro_folders(setup: Setup) -> list[str]:
    home = setup.kiro_home
    return [os.path.join(setup.root, ".kiro"), home] if setup.root else [home]


def _ends_a_turn(hook: InstalledHook) -> bool:
    # A hook that could not be read may have any trigger.
    return not hook.trigger or kind_of(hook.trigger) == COMPLETION


def silent_hooks(hooks: list[InstalledHook]) -> list[InstalledHook]:
    """Return the hooks that do not fire, but should: no other one does their work."""
    return [hook for hook in hooks if not hook.fires and not _twin(hook, hooks)]


def _twin(hook: InstalledHook, hooks: list[InstalledHook]) -> InstalledHook | None:
    # The hook that does the work of one that does not fire.
    if hook.fires or hook.surface == "cli-2":  # each agent needs its own
        return None
    for other in hooks:
        same = not other.trigger or kind_of(other.trigger) == kind_of(hook.trigger)
        if other is hook or not same:
            continue
        if other.fires and other.surface in {hook.surface, "v1"} and hook.trigger:
            return other
        # Where only v1 files are read, it is the v1 file that needs fixing.
        if hook.cause == INERT and other.surface == "v1":
            return other
    return None


def _name(hook: InstalledHook) -> str:
    return f"{hook.surface} {hook.trigger or 'hook'} in {hook.path}"


def _working_hook(hook: InstalledHook, twin: InstalledHook | None) -> str:
    if twin is None:
        return f"{_name(hook)} fires" + (f" ({hook.note})" if hook.note else "")
    return f"{_name(hook)} is not needed ({hook.reason}): {twin.path} does its work"


def _silent_hook(hook: InstalledHook, setup: Setup, *, is_needed: bool) -> Finding:
    message = f"{_name(hook)} does not fire: {hook.reason}"
    if is_needed:
        message += "; nothing is recorded"
    fix = setup.fixes.for_hook(hook)
    return Finding(_AREA, PROBLEM if is_needed else WARNING, message, fix)


def _fix_for_file(file: CheckedFile, finding: FileFinding, setup: Setup, *, is_ours: bool) -> str:
    if finding.level == "error":
        return finding.fix
    can_migrate = _SAYS_INERT in finding.message or _SAYS_LEGACY in finding.message
    # Whether a hook of ours fires is already reported.
    return setup.fixes.for_old_file(file.path) if can_migrate and not is_ours else ""
