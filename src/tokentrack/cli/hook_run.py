"""`tokentrack hook-run` for the list of commands; the door answers it before click is there."""

from __future__ import annotations

import sys

import click


@click.command("hook-run", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> None:
    """Record one Kiro event from arguments, environment and stdin; always silent, always 0."""
    from tokentrack.__main__ import run_hook

    sys.exit(run_hook(list(words)))
