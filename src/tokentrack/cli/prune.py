"""`tokentrack prune`: remove rows older than retention_days."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from tokentrack.cli.options import (
    confirm,
    dry_run_option,
    refuse_ignored,
    run_due,
    say,
    target_of,
    workspace_option,
    yes_option,
)
from tokentrack.common.formatting import counted
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from tokentrack.maintenance.retention import PrunePlan


@click.command("prune")
@yes_option
@click.option("--trust-clock", is_flag=True, help="Prune even if the system clock looks wrong.")
@dry_run_option
@workspace_option
def command(*, yes: bool, trust_clock: bool, dry_run: bool, workspace: str | None) -> None:
    """Remove rows older than retention_days.

    Their usage rows are removed with them. Shows what would be removed, and asks first. Rows
    without a valid time are kept. So are backups: see `tokentrack backup prune`.
    """
    from tokentrack.common.timestamps import now_us
    from tokentrack.maintenance import retention
    from tokentrack.maintenance.locked import lock_drained, open_folder

    target = target_of(workspace)
    paths, config, problems = target
    if problems:
        raise TokenTrackError(f"nothing was removed: fix the configuration first: {problems[0]}")
    refuse_ignored("retention_days", workspace)
    days, now = config.retention_days, now_us()
    shown = None
    if dry_run or not yes:
        with open_folder(paths) as folder:
            shown = retention.plan_prune(folder, paths, days, now, trust_clock=trust_clock)
        _tell(shown, days, "would remove")
    if dry_run:
        return
    if shown and shown.removes_anything:
        confirm("Remove them?", yes=yes)
    run_due(target)
    if shown and not shown.removes_anything:
        return
    with lock_drained(paths, config, os.environ) as ledger:
        plan = retention.plan_prune(ledger.folder, paths, days, now, trust_clock=trust_clock)
        if shown and plan.digest != shown.digest:
            raise TokenTrackError(
                "nothing was removed: the ledger has changed since the list was shown. Run "
                "`tokentrack prune` again"
            )
        retention.prune(ledger, plan)
    _tell(plan, days, "removed")


def _tell(plan: PrunePlan, days: int, verb: str) -> None:
    from tokentrack.common.timestamps import format_us

    date = format_us(plan.cutoff)[:10]
    if not plan.removes_anything:
        say(f"nothing to remove: no row is older than {days:,} days ({date})")
        return
    say(f"rows older than {days:,} days (before {date}):")
    for file in [*plan.files, *plan.usage_files]:
        count = counted(file.expired, "row")
        if file.is_removed:
            say(f"  {verb} {file.name} with all its {count}")
        elif file.expired:
            say(f"  {verb} {count} from {file.name}, {file.kept:,} stay")
