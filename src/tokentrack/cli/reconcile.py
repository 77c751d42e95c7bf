"""`tokentrack reconcile`: add the credits and models that Kiro wrote after the turn."""

from __future__ import annotations

import os

import click

from tokentrack.cli.options import run_due, say, target_of, workspace_option
from tokentrack.common.formatting import counted


@click.command("reconcile")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=0,
    show_default=True,
    help="Keep checking until nothing is pending, for up to SECONDS.",
)
@workspace_option
def command(*, wait: float, workspace: str | None) -> None:
    """Add credits that Kiro wrote after the turn.

    Kiro writes the credits and the model of a turn up to 15 seconds after its hook has run.
    The next hook adds them too, and so does the next `tokentrack` or `tokentrack status`. Numbers
    that never come stay unknown.
    """
    from tokentrack.maintenance.real_numbers import reconcile

    target = target_of(workspace)
    done = reconcile(target.paths, target.config, os.environ, wait)
    run_due(target)
    if not done.filled and not done.pending:
        say("nothing pending")
        return
    say(f"{counted(done.filled, 'execution')} updated")
    if done.pending:
        pending = counted(done.pending, "execution")
        say(f"{pending} still pending: Kiro has not written the credits yet")
