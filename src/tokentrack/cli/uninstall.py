"""`tokentrack uninstall`: remove what init wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.init import request_of, shared_options, tell
from tokentrack.errors import TokenTrackError
from tokentrack.hookfiles import plan
from tokentrack.hookfiles.install import perform
from tokentrack.hookfiles.uninstall import plan_removal

if TYPE_CHECKING:
    from tokentrack.hookfiles.targets import Request


@click.command("uninstall")
@shared_options
@click.option(
    "--force",
    is_flag=True,
    help="Also remove what was changed since init wrote it, and the block over a ledger.",
)
def command(**options: Any) -> None:
    """Remove exactly what init wrote.

    Hook files that were changed since are left and named. Ledgers, backups and every other
    record stay where they are.
    """
    request = request_of(options)
    try:
        _uninstall(request, dry_run=options["dry_run"])
    except TokenTrackError as error:
        raise click.ClickException(str(error)) from error


def _uninstall(request: Request, *, dry_run: bool) -> None:
    actions = plan_removal(request)
    tell(actions)
    if not plan.writes(actions):
        click.echo("nothing to do")
    elif dry_run:
        click.echo("nothing was removed: this is a dry run")
    else:
        perform(actions)
    if plan.refused(actions):
        raise TokenTrackError("not everything was removed: see what is refused above")
