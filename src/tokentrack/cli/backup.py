"""`tokentrack backup`: create, list and remove backups."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from tokentrack.cli.options import (
    Group,
    confirm,
    dry_run_option,
    json_option,
    say,
    target_of,
    workspace_option,
    yes_option,
)
from tokentrack.common.formatting import counted

if TYPE_CHECKING:
    from tokentrack.maintenance.backup import Backup


@click.group("backup", cls=Group, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Create, list and remove backups.

    Without a command, lists them. The names of backups contain their time in UTC. The usage
    ledger is backed up with the ledger.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command, workspace=None, as_json=False)


@command.command("list")
@json_option
@workspace_option
def list_command(*, workspace: str | None, as_json: bool) -> None:
    """List the backups, oldest first."""
    backups = _backups(workspace)
    if as_json:
        found = [{**backup._asdict(), "at": _time(backup.at)} for backup in backups]
        click.echo(json.dumps({"schema_version": 1, "backups": found}, indent=2))
        return
    for backup in backups:
        note = "  (what a restore replaced)" if backup.before_restore else ""
        say(f"{backup.name}  {_time(backup.at)}  {backup.size:,} bytes{note}")
    if not backups:
        say("no backups yet; run `tokentrack backup create`")


@command.command("create")
@dry_run_option
@workspace_option
def create_command(*, dry_run: bool, workspace: str | None) -> None:
    """Back up the ledger now."""
    from tokentrack.maintenance.backup import create_backup
    from tokentrack.maintenance.locked import lock_for_maintenance, open_folder

    paths, config, _ = target_of(workspace)
    if dry_run:
        with open_folder(paths) as folder:
            exists = folder.has(paths.ledger)
        say(f"would back up {paths.path}" if exists else f"there is no ledger at {paths.path}")
        return
    with lock_for_maintenance(paths, config, os.environ) as ledger:
        name = create_backup(ledger)
    say(f"backed up to {os.path.join(paths.folder, name)}")


@command.command("prune")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many of the newest backups to keep.  [default: backup_keep of the configuration]",
)
@yes_option
@dry_run_option
@workspace_option
def prune_command(*, keep: int | None, yes: bool, dry_run: bool, workspace: str | None) -> None:
    """Remove the oldest backups.

    Shows which, and asks first. Backups of what restores replaced are counted separately.
    """
    from tokentrack.common.timestamps import now_us
    from tokentrack.maintenance.backup import expired_backups, remove_backups
    from tokentrack.maintenance.locked import lock_for_maintenance, open_folder

    paths, config, _ = target_of(workspace)
    left = config.backup_keep if keep is None else keep
    now = now_us() / 1_000_000
    with open_folder(paths) as folder:
        names = expired_backups(folder, paths, left, now)
    if not names:
        say(f"nothing to remove: {left} or fewer backups exist")
        return
    for name in names:
        say(f"would remove {name}")
    if dry_run:
        return
    confirm("Remove them?", yes=yes)
    with lock_for_maintenance(paths, config, os.environ) as ledger:
        # Only what was shown: another process may have removed or made some since.
        now_expired = set(expired_backups(ledger.folder, paths, left, now))
        removed = [name for name in names if name in now_expired]
        remove_backups(ledger, removed)
    say(f"removed {counted(len(removed), 'file')}")


def _backups(workspace: str | None) -> list[Backup]:
    from tokentrack.maintenance.backup import list_backups
    from tokentrack.maintenance.locked import NoLedgerError, open_folder

    paths = target_of(workspace).paths
    try:
        with open_folder(paths) as folder:
            return list_backups(folder, paths)
    except NoLedgerError:
        return []


def _time(seconds: float) -> str:
    from tokentrack.common.timestamps import format_us

    return format_us(int(seconds) * 1_000_000)
