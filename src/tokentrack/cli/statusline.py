"""`tokentrack statusline`: its help and its errors; `reports.statusline` answers before click."""

from __future__ import annotations

import os

import click

from tokentrack.cli.answers import own_name
from tokentrack.common.terminal import escape
from tokentrack.errors import ValidationError


@click.command("statusline")
@click.option("--format", "form", metavar="TEXT",
              help="Print this text with fields in braces, such as '{today.credits} "
              "{plan.left}'. docs/live.md lists all fields.")  # fmt: skip
@click.option("--session", metavar="ID",
              help="The session of {session.credits}.  [default: the last one of this workspace]",
)  # fmt: skip
def command(form: str | None, session: str | None) -> None:
    """Print one line for a shell prompt.

    Reads the index that the other commands keep, and a few rows that are not in it yet. If there is
    more to read, the numbers begin with ~ until the next command. Never fails because of what it
    finds: the exit code is 0.
    """
    from tokentrack.reports.statusline import print_line, status_line

    try:
        print_line(status_line(form, session, os.environ, own_name()))
    except ValidationError as error:
        raise click.UsageError(escape(error.issues[0])) from error
