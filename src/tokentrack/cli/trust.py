"""`tokentrack trust`: let a workspace's own configuration count in full."""

from __future__ import annotations

import os

import click

from tokentrack.cli.options import root_of, say
from tokentrack.errors import TokenTrackError


@click.command("trust")
@click.argument("folder", metavar="[DIR]", required=False,
                type=click.Path(exists=True, file_okay=False))  # fmt: skip
@click.option("--remove", is_flag=True, help="Trust the workspace's files no longer.")
def command(folder: str | None, *, remove: bool) -> None:
    """Trust a workspace's configuration until it changes.

    A workspace may come from anyone, so its configuration and its hook file may only make
    recording stricter than your own settings: they cannot switch off the redaction of secrets,
    for example. `tokentrack status` lists the values that are ignored. Look at the files before
    you trust them.
    """
    from tokentrack.config.json_file import read_small_file
    from tokentrack.config.sources import workspace_files
    from tokentrack.config.trust import forget, trust
    from tokentrack.errors import ValidationError

    root = root_of(folder)
    if not root:
        raise click.UsageError(
            "This folder is not in a workspace: run `tokentrack trust DIR` with one that is."
        )
    found = [path for path in workspace_files(root) if os.path.lexists(path)]
    for path in workspace_files(root) if remove else found:
        name = os.path.relpath(path, root)
        try:
            if not remove:
                trust(path, read_small_file(path), os.environ)
                say(f"Trusted until it changes: {name}")
            elif forget(path, os.environ):
                say(f"Not trusted any more: {name}")
        except ValidationError as error:
            raise TokenTrackError(f"{path}: {error.issues[0]}") from error
    if not remove and not found:
        say(f"There is nothing to trust: {root} has no configuration.")
