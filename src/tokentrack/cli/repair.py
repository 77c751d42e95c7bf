"""`tokentrack repair`: repair damaged files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from tokentrack.cli.options import (
    dry_run_option,
    run_due,
    say,
    target_of,
    work_off,
    workspace_option,
)
from tokentrack.cli.verify import FOREIGN, show
from tokentrack.common.formatting import counted
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from tokentrack.maintenance.verify import Examined

_SPOOL_SECONDS = 60.0


@click.command("repair")
@dry_run_option
@workspace_option
def command(*, dry_run: bool, workspace: str | None) -> None:
    """Repair damaged files, keeping the originals.

    The original files go to quarantine. Every readable record is kept. Healthy files are not
    touched, and neither are files that are not ledgers.
    """
    from tokentrack.common.timestamps import now_us
    from tokentrack.maintenance.locked import lock_for_repair
    from tokentrack.maintenance.repair import repair
    from tokentrack.maintenance.verify import verify
    from tokentrack.store.quarantine import QUARANTINE_NAME

    target = target_of(workspace)
    paths, config, _ = target
    if not dry_run:
        work_off(target, _SPOOL_SECONDS)
    files = verify(paths, config)
    damaged = [file for file in files if file.found.findings]
    if not damaged:
        reason = "every file is healthy" if files else "this workspace has no ledger yet"
        say(f"nothing to repair: {reason}")
        return
    foreign = [os.path.join(paths.folder, file.name) for file in damaged if file.found.is_foreign]
    if dry_run:
        for file in damaged:
            if not file.found.is_foreign:
                _tell(file, "would be kept", "would be quarantined")
    elif len(damaged) > len(foreign):
        with lock_for_repair(paths, config, os.environ) as ledger:
            repaired = repair(ledger, now_us())
        for file, original in repaired:
            _tell(file, "kept", "quarantined")
            kept_at = os.path.join(paths.folder, paths.state, QUARANTINE_NAME, original)
            say(f"  the original is {kept_at}")
        run_due(target)
    if foreign:
        raise TokenTrackError(f"{', '.join(foreign)}: {FOREIGN}; move or rename it")


def _tell(file: Examined, kept: str, lost: str) -> None:
    show(file, lost)
    found = file.found
    say(
        f"{file.name}: {counted(found.records, 'record')} {kept}, "
        f"{counted(len(found.lost), 'unreadable line')} {lost}"
    )
