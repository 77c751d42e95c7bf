#!/usr/bin/env python3
"""Check a workspace's recording: hooks, ledger, configuration, and the recorder itself.

`python scripts/health_check.py [WORKSPACE] [--json]`. Exit code 1 if a check fails. Nothing is
written to the workspace: the recorder is tested on a ledger in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    from tokentrack import workspace
    from tokentrack.config.sources import load_config
    from tokentrack.csv_writer import CSVWriter
    from tokentrack.errors import TokenTrackError
    from tokentrack.hook import TokenTrackingHook
    from tokentrack.hookfiles.installed import installed_hooks
    from tokentrack.models import TrackerConfig
    from tokentrack.tracker import TokenTracker
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}: run this with the Python that has tokentrack: `pip install .` in the checkout"
    )

if TYPE_CHECKING:
    from collections.abc import Callable

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
VERDICTS = {
    PASS: "✅ System is healthy",
    WARN: "⚠️  System is working but has warnings",
    FAIL: "❌ System has critical issues that need attention",
}
ICONS = {PASS: "✓", WARN: "⚠", FAIL: "✗"}


class Check(NamedTuple):
    """The result of a check: its status and one sentence."""

    status: str
    message: str


def check_hook_files(root: str) -> Check:
    """Tell whether a hook is installed that Kiro would run."""
    hooks = installed_hooks(root, workspace.kiro_home(os.environ))
    if any(hook.fires for hook in hooks):
        return Check(PASS, f"{sum(hook.fires for hook in hooks)} hooks would fire")
    if hooks:
        return Check(FAIL, f"no installed hook would fire: {hooks[0].reason}")
    return Check(WARN, "no hook is installed: run `tokentrack init`")


def check_csv_file(root: str) -> Check:
    """Tell whether the ledger exists, is undamaged, and is in a writable folder."""
    tracker = tracker_of(root)
    folder = tracker.paths.folder
    if os.path.isdir(folder) and not os.access(folder, os.W_OK):
        return Check(FAIL, f"{folder} is not writable: check its owner and mode")
    if not os.path.exists(tracker.paths.path):
        return Check(WARN, f"there is no ledger yet at {tracker.paths.path}: run a turn in Kiro")
    found = tracker.validate_csv_integrity()
    if found["issues"]:
        return Check(WARN, f"{len(found['issues'])} damaged lines, the first: {found['issues'][0]}")
    return Check(PASS, f"{found['total_rows']:,} rows, none damaged")


def check_configuration(root: str) -> Check:
    """Tell whether the configuration in force is valid."""
    _, problems = load_config(root, workspace.kiro_home(os.environ), os.environ)
    if problems:
        return Check(WARN, f"{len(problems)} problems, the first: {problems[0]}")
    return Check(PASS, "valid")


def check_core_functionality(_root: str) -> Check:
    """Tell whether records can be written and read back, on a temporary ledger."""
    return _tried(CSVWriter(TrackerConfig()).test_csv_operations())


def check_hook_functionality(root: str) -> Check:
    """Tell whether executions become rows, on a temporary ledger."""
    return _tried(TokenTrackingHook(TrackerConfig(), root=root).test_hook_functionality())


CHECKS: dict[str, Callable[[str], Check]] = {
    "hook_files": check_hook_files,
    "csv_file": check_csv_file,
    "configuration": check_configuration,
    "core_functionality": check_core_functionality,
    "hook_functionality": check_hook_functionality,
}


def tracker_of(root: str) -> TokenTracker:
    """Return the tracker of a workspace, with the configuration in force there."""
    config, _ = load_config(root, workspace.kiro_home(os.environ), os.environ)
    return TokenTracker.for_workspace(root, config, os.environ)


def run_checks(root: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Run every check, report each when it is done, and return `overall_status` and `checks`."""
    checks: dict[str, Any] = {}
    for name, check in CHECKS.items():
        try:
            found = check(root)
        except (TokenTrackError, OSError) as error:
            found = Check(FAIL, str(error))
        checks[name] = found._asdict()
        say(f"{ICONS[found.status]} {name}: {found.message}")
    statuses = [check["status"] for check in checks.values()]
    overall = next((status for status in (FAIL, WARN) if status in statuses), PASS)
    return {"overall_status": overall, "checks": checks}


def _tried(report: dict[str, Any]) -> Check:
    if report["success"]:
        return Check(PASS, f"{len(report['checks'])} of {len(report['checks'])} tests passed")
    return Check(FAIL, "; ".join(report["issues"]))


def _tell(lines: list[str], line: str) -> None:
    # Once as progress while the checks run, and again in the result.
    lines.append(line)
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Check the workspace that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("workspace", nargs="?", default=".", help="a folder of the workspace")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    root = workspace.find_root(arguments.workspace)
    lines: list[str] = []
    results = run_checks(root, lambda line: _tell(lines, line))
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        overall = results["overall_status"]
        print(f"Token Tracker Health Check - Overall Status: {overall}")
        print("\n".join(["=" * 50, *lines, "=" * 50, VERDICTS[overall]]))
    return 1 if results["overall_status"] == FAIL else 0


if __name__ == "__main__":
    sys.exit(main())
