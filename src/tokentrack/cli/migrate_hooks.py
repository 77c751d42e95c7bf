"""`tokentrack migrate-hooks`: convert IDE 0.x hook files to the v1 format."""

from __future__ import annotations

import os

import click

from tokentrack.cli.options import dry_run_option, say
from tokentrack.errors import TokenTrackError


@click.command("migrate-hooks")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True))
@click.option("--replace", is_flag=True, help="Rename each original to NAME.orig.")
@dry_run_option
def command(paths: tuple[str, ...], *, replace: bool, dry_run: bool) -> None:
    """Convert IDE 0.x hook files to the v1 format.

    IDE 1.x and CLI 3 read only v1 files. PATH is a `.kiro.hook` file or a folder; without PATH,
    the hooks of this workspace are converted. Existing files are never overwritten. The originals
    are kept, since IDE 0.x reads nothing else.
    """
    from tokentrack.cli.options import current_folder
    from tokentrack.hookfiles import plan
    from tokentrack.hookfiles.install import perform
    from tokentrack.hookfiles.migrate import hook_files_in, plan_migration
    from tokentrack.workspace import find_root

    root = find_root(current_folder())
    chosen = paths or (os.path.join(root, ".kiro", "hooks"),)
    found = [file for path in chosen for file in (
        hook_files_in(path) if os.path.isdir(path) else [path] if os.path.exists(path) else []
    )]  # fmt: skip
    steps = plan_migration(found, replace=replace, base="" if paths else root)
    for step in steps:
        say(plan.line(step), err=step.verb == "refuse")
    if not plan.writes(steps):
        click.echo("nothing to do")
    elif dry_run:
        click.echo("nothing was written: this is a dry run")
    else:
        perform(steps)
    if plan.refused(steps):
        raise TokenTrackError("some files could not be migrated: fix the refused ones above")
