"""`tokentrack restore`: restore rows from a backup."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from tokentrack.cli.options import (
    confirm,
    dry_run_option,
    run_due,
    say,
    target_of,
    workspace_option,
    yes_option,
)
from tokentrack.common.formatting import counted

if TYPE_CHECKING:
    from tokentrack.maintenance.restore import RestorePlan


@click.command("restore")
@click.argument("name", default="")
@click.option("--replace", is_flag=True, help="Overwrite the ledger with the backup.")
@yes_option
@dry_run_option
@workspace_option
def command(*, name: str, replace: bool, yes: bool, dry_run: bool, workspace: str | None) -> None:
    """Restore rows from a backup.

    Adds the rows that the ledger lacks. NAME is the name, the path or the timestamp of a backup;
    without NAME, the newest one is used. Shows what would change, and asks first.

    With --replace, overwrites the ledger with the backup. The current ledger is backed up first,
    under a name that ends with _before_restore; restore it by that name to undo the restore.
    """
    from tokentrack.maintenance.locked import lock_drained, open_folder
    from tokentrack.maintenance.restore import find_backup, plan_restore, restore

    target = target_of(workspace)
    paths, config, _ = target
    with open_folder(paths) as folder:
        found = find_backup(folder, paths, name)
        plan = plan_restore(folder, paths, found, replace=replace)
    _tell(plan)
    if not plan.changes:
        say("nothing to do: the ledger already has every row")
        return
    if dry_run:
        say("nothing was changed: this is a dry run")
        return
    confirm("Restore them?", yes=yes)
    with lock_drained(paths, config, os.environ) as ledger:
        # Once more under the lock: rows may have come since.
        kept = restore(ledger, plan_restore(ledger.folder, paths, found, replace=replace))
    say("restored" if not kept else f"restored; the previous ledger is in {kept}")
    run_due(target)


def _tell(plan: RestorePlan) -> None:
    say(f"backup {plan.name} has {counted(plan.rows, 'row')}")
    say(f"  {counted(plan.added, 'row')} to add to the ledger")
    if plan.replaces:
        say(f"  {counted(plan.removed, 'row')} to remove from the ledger")
    if plan.versions:
        say(f"  {counted(plan.versions, 'row')} kept, with other contents than in the backup")
    if plan.unreadable:
        say(f"  {counted(plan.unreadable, 'unreadable line')} of the backup left out")
