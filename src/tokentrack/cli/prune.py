"""`tokentrack prune`: remove the rows that are older than retention_days."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from tokentrack.cli.options import dry_run_option, run_due, say, target_of, workspace_option
from tokentrack.common.formatting import counted
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from tokentrack.maintenance.retention import Plan


@click.command("prune")
@click.option("--trust-clock", is_flag=True, help="The clock is right, whatever it looks like.")
@dry_run_option
@workspace_option
def command(*, trust_clock: bool, dry_run: bool, workspace: str | None) -> None:
    """Remove the rows that are older than retention_days, with their usage rows.

    Rows whose time can't be read stay. Backups stay: see `tokentrack backup prune`.
    """
    from tokentrack.common.timestamps import now_us
    from tokentrack.maintenance import retention
    from tokentrack.maintenance.locked import lock_drained, open_folder

    target = target_of(workspace)
    paths, config, problems = target
    if problems:
        raise TokenTrackError(f"nothing was removed: mend the configuration first: {problems[0]}")
    days = config.retention_days
    if dry_run:
        with open_folder(paths) as folder:
            plan = retention.plan_prune(folder, paths, days, now_us(), trust_clock=trust_clock)
        _tell(plan, days, "would remove")
        return
    run_due(target)
    with lock_drained(paths, config, os.environ) as ledger:
        plan = retention.plan_prune(ledger.folder, paths, days, now_us(), trust_clock=trust_clock)
        if trust_clock:
            retention.note_trust(ledger.state, now_us())
        retention.prune(ledger, plan)
    _tell(plan, days, "removed")


def _tell(plan: Plan, days: int, verb: str) -> None:
    from tokentrack.common.timestamps import format_us

    before = f"of before {format_us(plan.cutoff)} ({days:,} days ago)"
    for file in [*plan.files, *plan.usage_files]:
        if file.is_removed:
            say(f"{verb} {file.name} with all its {counted(file.expired, 'row')} {before}")
        elif file.expired:
            say(f"{verb} {counted(file.expired, 'row')} {before} from {file.name}")
    if not any(file.expired for file in [*plan.files, *plan.usage_files]):
        say(f"nothing to remove: no row is {before}")
