"""Fire a synthetic turn through the installed hooks, in a temporary workspace."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.config.fields import DEFAULT_LEDGER
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.csv_writer import CSVWriter
from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.diagnostics.program import CHECK, how_to_find
from tokentrack.errors import TokenTrackError
from tokentrack.hookfiles.entries import shipped_commands
from tokentrack.recorder.events import COMPLETION, START, kind_of
from tokentrack.recorder.selftest import temporary_home
from tokentrack.store.paths import workspace_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.diagnostics.setup import Setup
    from tokentrack.hookfiles.installed import InstalledHook

_AREA = "self-test"
_PROMPT = "tokentrack self-test"
_TIMEOUT = 30
_NOT_FOUND = 127  # a shell's exit code when it finds no such program


class _Failure(NamedTuple):
    problem: str
    fix: str


def run_selftest(setup: Setup) -> Iterator[Finding]:
    """Yield, for each surface whose hooks fire, whether a turn is recorded as one row."""
    surfaces: dict[str, list[InstalledHook]] = {}
    fix = ""
    for hook in setup.hooks:
        if not hook.fires:
            continue
        if hook.scope == "workspace" and hook.command not in shipped_commands():
            # The command may come from a cloned workspace; only Kiro may decide whether to run it.
            message = f"{hook.path} has its own command, which is not run here: {hook.command}"
            remove = f"remove the command from {hook.path}, unless it is yours"
            fix = setup.fixes.for_changed_file(hook) or remove
            yield Finding(_AREA, WARNING, message, fix)
        else:
            surfaces.setdefault(hook.surface, []).append(hook)
    for surface, hooks in surfaces.items():
        with temporary_home() as (trial, inner):
            given = {**inner, "PATH": setup.environ.get("PATH", os.defpath)}
            failure = _play(surface, hooks, trial, given) or _check(trial, given)
        if failure:
            yield Finding(_AREA, PROBLEM, f"a turn of {surface}: {failure.problem}", failure.fix)
        else:
            yield Finding(_AREA, OK, f"a turn of {surface} was recorded as one row")
    if not surfaces:
        yield Finding(_AREA, PROBLEM, "there is no hook to fire",
                      fix or "fix the hooks as described above")  # fmt: skip


def _play(
    surface: str, hooks: list[InstalledHook], root: str, environ: Mapping[str, str]
) -> _Failure | None:
    # Like Kiro: first the hooks for the start, then those for the completion, in a shell.
    for kind in (START, COMPLETION):
        for hook in hooks:
            if kind_of(hook.trigger) == kind:
                failure = _fire(surface, hook, root, environ)
                if failure:
                    return failure
    return None


def _fire(
    surface: str, hook: InstalledHook, root: str, environ: Mapping[str, str]
) -> _Failure | None:
    payload: dict[str, Any] = {
        "hook_event_name": hook.trigger, "session_id": "self-test", "cwd": root,
        "prompt": _PROMPT,
    }  # fmt: skip
    given = {**environ, "USER_PROMPT": _PROMPT, "VSCODE_PID": "1"}
    data = b"" if surface == "ide-0" else json.dumps(payload).encode()
    try:
        # The command exactly as in the hook file, which Kiro passes to a shell.
        done = subprocess.run(  # noqa: S602  (shipped, or in the user's own hook file)
            hook.command,
            shell=True,
            cwd=root,
            env=given,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return _Failure(f"{hook.command} did not finish within {_TIMEOUT} s", CHECK)
    if done.returncode == _NOT_FOUND:
        return _Failure(f"{hook.command} exited with code 127: not on PATH", how_to_find())
    if done.returncode:
        return _Failure(f"{hook.command} exited with code {done.returncode}", CHECK)
    if done.stdout:
        return _Failure(f"{hook.command} printed output, which Kiro may act on", CHECK)
    return None


def _check(root: str, environ: Mapping[str, str]) -> _Failure | None:
    paths = workspace_paths(root, DEFAULT_LEDGER)
    writer = CSVWriter(TrackerConfig(), paths=paths, environ=environ)
    try:
        rows = writer.read_transactions()
    except TokenTrackError as error:
        return _Failure(str(error), CHECK)
    if len(rows) != 1:
        return _Failure(f"it was recorded as {len(rows)} rows instead of 1", CHECK)
    if rows[0].prompt_text != _PROMPT:
        return _Failure("its row has a different prompt", CHECK)
    return None
