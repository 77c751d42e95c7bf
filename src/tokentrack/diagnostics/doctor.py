"""All that the doctor looks at, in the order in which things have to work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack import workspace
from tokentrack.config.sources import CONFIG_NAME, load_config
from tokentrack.diagnostics.findings import WARNING, Finding
from tokentrack.diagnostics.folders import examine_folders, to_read
from tokentrack.diagnostics.hooks import examine_hooks
from tokentrack.diagnostics.kiro import examine_machine, has_desktop_app
from tokentrack.diagnostics.program import examine_program, measure
from tokentrack.diagnostics.recording import examine_recording, examine_waiting, surfaces_that_fired
from tokentrack.diagnostics.selftest import run_selftest
from tokentrack.hookfiles.entries import IDE0_FILES
from tokentrack.hookfiles.installed import installed_hooks
from tokentrack.store.directory import open_regular
from tokentrack.tracker import TokenTracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def examine(root: str, environ: Mapping[str, str], *, self_test: bool) -> Iterator[Finding]:
    """Yield all findings of a workspace; a root of "" means the user's own ledger."""
    home = workspace.kiro_home(environ)
    config, problems = load_config(root, home, environ)
    tracker = TokenTracker.for_workspace(root, config, environ)
    paths = tracker.paths
    hooks = installed_hooks(root or home, home, environ)
    desktop = has_desktop_app(root or home, home, environ, surfaces_that_fired(paths))
    yield from examine_machine(root or home, home, environ)
    yield from examine_hooks(root, home, environ)
    yield from examine_program(hooks, environ, desktop=desktop)
    yield from examine_folders(paths)
    for problem in problems:
        yield Finding("recording", WARNING, problem, _fix_of(problem, root, home))
    if not (config.enabled and config.hook_enabled):
        yield Finding("recording", WARNING, "recording is switched off in the configuration",
                      'set "enabled" and "hook_enabled" to true')  # fmt: skip
    yield from examine_waiting(tracker, environ)
    yield from examine_recording(paths, hooks)
    yield measure(environ)
    if self_test:
        yield from run_selftest(root, home, environ)


def _fix_of(problem: str, root: str, home: str) -> str:
    folder = os.path.join(root, ".kiro")
    files = {
        "the user's": os.path.join(home, CONFIG_NAME),
        "the workspace's": os.path.join(folder, CONFIG_NAME),
        "the hook file's": os.path.join(folder, "hooks", IDE0_FILES[1]),
    }
    path = next((path for label, path in files.items() if problem.startswith(label)), "")
    if not path:
        return "correct the environment variable, or unset it"
    try:
        os.close(open_regular(path, follow=True))
    except OSError as error:
        return to_read(path, error)
    return f"correct it in {path}"
