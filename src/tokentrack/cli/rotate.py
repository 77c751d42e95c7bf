"""`tokentrack rotate`: move the ledger to an archive."""

from __future__ import annotations

import os

import click

from tokentrack.cli.options import dry_run_option, run_due, say, target_of, workspace_option


@click.command("rotate")
@click.option(
    "--if-due", is_flag=True, help="Rotate only if rotate_max_mb or rotate_monthly requires it."
)
@dry_run_option
@workspace_option
def command(*, if_due: bool, dry_run: bool, workspace: str | None) -> None:
    """Move the ledger's rows to an archive.

    Reports still include archived rows. With compression_enabled, archives are also compressed.
    """
    from tokentrack.common.timestamps import now_us
    from tokentrack.maintenance import rotation
    from tokentrack.maintenance.lines import has_records
    from tokentrack.maintenance.locked import lock_drained, open_folder

    target = target_of(workspace)
    paths, config, _ = target
    with open_folder(paths) as folder:
        reason = rotation.reason_to_rotate(folder, paths, config, now_us())
        wanted = bool(reason) if if_due else has_records(folder, paths)
        plain = rotation.uncompressed(folder, paths) if config.compression_enabled else []
    if not wanted:
        say("nothing to rotate" + (": it is not due" if if_due else ": the ledger has no rows"))
    elif dry_run:
        say(f"would rotate the ledger{': ' if reason else ''}{reason}")
    if dry_run:
        for name in plain:
            say(f"would compress {name}")
        return
    run_due(target)
    if wanted or plain:
        with lock_drained(paths, config, os.environ) as ledger:
            name = rotation.rotate(ledger, now_us()) if wanted else ""
            if name:
                say(f"rotated to {name}")
            packed = rotation.compress_archives(ledger) if config.compression_enabled else []
        for archive in packed:
            say(f"compressed {archive}")
