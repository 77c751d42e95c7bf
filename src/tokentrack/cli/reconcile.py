"""`tokentrack reconcile`: join what was recorded with the credits that Kiro wrote since."""

from __future__ import annotations

import os

import click

from tokentrack.cli.options import run_due, say, target_of, workspace_option
from tokentrack.common.formatting import counted


@click.command("reconcile")
@click.option(
    "--wait", metavar="SECONDS", type=click.FloatRange(0, 3600), default=0.0,
    help="Look again until nothing waits, for at most so long.",
)  # fmt: skip
@workspace_option
def command(*, wait: float, workspace: str | None) -> None:
    """Join what was recorded with the credits and models that Kiro wrote since.

    Kiro writes them up to 15 seconds after its hook has run. `status` and the next hook do this,
    too. A number that never comes stays unknown.
    """
    from tokentrack.maintenance.reconcile import reconcile

    target = target_of(workspace)
    done = reconcile(target.paths, target.config, os.environ, wait)
    run_due(target)
    if not done.filled and not done.pending:
        say("nothing waits for real numbers")
        return
    say(f"{counted(done.filled, 'execution')} got real numbers")
    if done.pending:
        say(f"{counted(done.pending, 'execution')} without: Kiro has not written them yet")
