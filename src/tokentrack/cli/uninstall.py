"""`tokentrack uninstall`: remove what init installed."""

from __future__ import annotations

from typing import Any

import click

from tokentrack.cli.init import hook_options, request_of, tell
from tokentrack.errors import TokenTrackError
from tokentrack.hookfiles import plan
from tokentrack.hookfiles.install import perform
from tokentrack.hookfiles.uninstall import plan_removal


@click.command("uninstall")
@hook_options(
    surface="Remove only the hooks of this surface. Repeatable.",
    scope="Remove from this workspace, or from your Kiro folder (user).  [default: workspace]",
    agent="Remove only the hooks of this agent of Kiro CLI 1.x or 2.x.",
    force="Also remove files you changed after init, and the .gitignore block even if a ledger "
    "remains.",
    track="Leave .gitignore as it is.",
)
def command(*, dry_run: bool, **options: Any) -> None:
    """Remove what init installed.

    Hook files that you changed after init are kept and listed. Ledgers, backups and all other
    records are kept.
    """
    steps = plan_removal(request_of(options))
    tell(steps)
    if not plan.writes(steps):
        click.echo("nothing to do")
    elif dry_run:
        click.echo("nothing was removed: this is a dry run")
    else:
        perform(steps)
    if plan.refused(steps):
        raise TokenTrackError("not everything was removed: see the refused items above")
