"""The help of `tokentrack hook-run`; `__main__` runs the command before click is imported."""

from __future__ import annotations

import os
import sys

import click

from tokentrack.cli.options import WORKSPACE_HELP


@click.command("hook-run", context_settings={"ignore_unknown_options": True})
@click.option("--event", metavar="TRIGGER", help="Name of the trigger, instead of the payload's.")
@click.option("--hook", metavar="NAME", help="Name of the hook, instead of the payload's.")
@click.option("--tag", metavar="KEY=VALUE", multiple=True, help="Tag for the turn. Repeatable.")
@click.option("--no-stdin", is_flag=True, help="Do not read stdin.")
@click.option("--workspace", metavar="DIR", help=WORKSPACE_HELP)
@click.argument("words", metavar="", nargs=-1, type=click.UNPROCESSED)
def command(**_words: object) -> None:
    """Record one Kiro event (run by Kiro, always silent).

    Reads the event from stdin (a JSON object), from the environment and from the options. Prints
    nothing and exits with code 0, whatever happens. Problems go to the log; `tokentrack status`
    shows the newest one.
    """
    from tokentrack.recorder.hook_run import run

    run(sys.argv[2:], os.environ)
