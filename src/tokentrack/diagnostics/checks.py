"""The health checks behind `status` and `doctor`, in the order in which things have to work."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.diagnostics import folders, hooks, kiro, program, recording
from tokentrack.diagnostics.findings import PROBLEM, WARNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tokentrack.diagnostics.findings import Finding
    from tokentrack.diagnostics.setup import Setup

PROBLEMS, NOTES = "problems", "notes"


class Check(NamedTuple):
    """One health check.

    Attributes:
        run: yields its findings.
        in_status: which of them `status` shows: PROBLEMS for those of level problem alone, NOTES
            for warnings too; "" means only `doctor` shows them.
    """

    run: Callable[[Setup], Iterable[Finding]]
    in_status: str = ""


CHECKS = (
    Check(kiro.check_kiro),
    Check(hooks.check_hook_folders, NOTES),
    Check(hooks.check_any_hook, NOTES),
    Check(hooks.check_hooks, PROBLEMS),
    Check(hooks.check_double_hooks),
    Check(hooks.check_missing_hooks),
    Check(hooks.check_hook_files),
    Check(program.check_programs, NOTES),
    Check(program.check_launchers),
    Check(folders.check_folder, PROBLEMS),
    Check(folders.check_owner, NOTES),
    Check(folders.check_file_system),
    Check(recording.check_configuration, PROBLEMS),
    Check(recording.check_trust, PROBLEMS),
    Check(recording.check_enabled, NOTES),
    Check(recording.check_ledger, PROBLEMS),
    Check(recording.check_waiting, PROBLEMS),
    Check(recording.check_losses, PROBLEMS),
    Check(recording.check_other_ledgers),
    Check(recording.check_first_turn, NOTES),
    Check(recording.check_last_runs),
    Check(program.check_speed),
)


def all_findings(setup: Setup) -> Iterator[Finding]:
    """Run every check."""
    for check in CHECKS:
        yield from check.run(setup)


def findings_for_status(setup: Setup) -> dict[str, list[str]]:
    """Run the checks that `status` shows; return its `problems` and `notes`, a sentence each."""
    found: dict[str, list[str]] = {PROBLEMS: [], NOTES: []}
    for check in CHECKS:
        for finding in check.run(setup) if check.in_status else ():
            sentence = f"{finding.message}; fix: {finding.fix}"
            if finding.level == PROBLEM:
                found[PROBLEMS].append(sentence)
            elif finding.level == WARNING and check.in_status == NOTES:
                found[NOTES].append(sentence)
    return found
