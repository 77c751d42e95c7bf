"""Which hook files each Kiro would really run, and when they last did."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from tokentrack.doctor.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.hookfiles.check import check_paths
from tokentrack.hookfiles.detect import detect, v1_sessions
from tokentrack.hookfiles.installed import installed_hooks
from tokentrack.importing.records import HOOK_NAME
from tokentrack.ledger_rows import ledger_rows
from tokentrack.timestamps import format_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.hookfiles.installed import InstalledHook
    from tokentrack.store.place import Place

_AREA = "hooks"
_INERT = "is inert"


def examine_hooks(root: str, kiro_home: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the recorder's hooks, what is wrong with them, and what other files would not run."""
    hooks = installed_hooks(root or kiro_home, kiro_home)
    if not hooks:
        yield Finding(_AREA, PROBLEM, "no hook is installed, so nothing is recorded",
                      "tokentrack init")  # fmt: skip
    for hook in hooks:
        yield _of_hook(hook)
    yield from _doubles(hooks)
    yield from _missing(hooks, root, kiro_home, environ)
    yield from _of_files(root, kiro_home)


def _of_hook(hook: InstalledHook) -> Finding:
    name = f"{hook.surface} {hook.trigger} in {hook.path}"
    if hook.fires:
        return Finding(_AREA, OK, f"{name} fires")
    mend = "tokentrack init"
    if not hook.enabled:
        mend = f'set "enabled" to true in {hook.path}'
    elif hook.path.endswith(".kiro.hook"):
        mend = f"tokentrack migrate-hooks {hook.path}"
    return Finding(_AREA, WARNING, f"{name} does not fire: {hook.reason}", mend)


def _doubles(hooks: list[InstalledHook]) -> Iterator[Finding]:
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
                "tokentrack uninstall --scope user",
            )  # fmt: skip


def _missing(
    hooks: list[InstalledHook], root: str, kiro_home: str, environ: Mapping[str, str]
) -> Iterator[Finding]:
    fires = {hook.surface for hook in hooks if hook.fires}
    for found in detect(root, kiro_home, environ):
        if hooks and found.surface not in fires:
            agent = " --agent NAME" if found.surface == "cli-2" else ""
            yield Finding(
                _AREA, WARNING, f"{found.surface} is in use, and no hook of it fires here",
                f"tokentrack init --surface {found.surface}{agent}",
            )  # fmt: skip


def _of_files(root: str, kiro_home: str) -> Iterator[Finding]:
    # Every hook file, also the user's own: what Kiro would not run, and what can be migrated.
    folders = [os.path.join(root, ".kiro"), kiro_home] if root else [kiro_home]
    places = [os.path.join(f, name) for f in folders for name in ("hooks", "agents")]
    major = 1 if next(v1_sessions(kiro_home), None) else None
    report = check_paths([p for p in places if os.path.isdir(p)], ide_major=major)
    for file in report.files:
        for finding in file.findings:
            if finding.level != "error" and _INERT not in finding.message:
                continue
            migrate = file.form == "ide-0" and finding.level != "error"
            mend = f"tokentrack migrate-hooks {file.path}" if migrate else finding.hint
            yield Finding(_AREA, WARNING, f"{file.path}: {finding.message}", mend)


def examine_recording(place: Place) -> Iterator[Finding]:
    """Yield when each hook last recorded a turn, as the ledger says."""
    last: dict[str, int] = {}
    try:
        for row in ledger_rows(place):
            found = row.transaction
            if found is not None and found.hook_name != HOOK_NAME:
                name = found.hook_name
                last[name] = max(last.get(name, found.timestamp_us), found.timestamp_us)
    except OSError as error:
        yield Finding("recording", PROBLEM, f"{place.path} can't be read: {error.strerror}",
                      "tokentrack verify")  # fmt: skip
        return
    for name, at in sorted(last.items()):
        yield Finding("recording", OK, f"{name or 'a hook'} last recorded a turn {format_us(at)}")
    if not last:
        yield Finding("recording", WARNING, "no hook has recorded a turn here yet",
                      "tokentrack doctor --self-test, then run a turn in Kiro")  # fmt: skip
