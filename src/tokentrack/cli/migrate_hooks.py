"""`tokentrack migrate-hooks`: make v1 files of IDE 0.x hook files."""

from __future__ import annotations

import os

import click

from tokentrack.errors import TokenTrackError


@click.command("migrate-hooks")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True))
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing.")
@click.option("--replace", is_flag=True, help="Rename each original to NAME.orig.")
def command(paths: tuple[str, ...], *, dry_run: bool, replace: bool) -> None:
    """Make v1 files, which IDE 1.x and CLI 3 read, of IDE 0.x hook files.

    PATH is a `.kiro.hook` file or a folder; without any, the hooks of this workspace. A file that
    is there is never overwritten, and the originals stay, since IDE 0.x reads nothing else.
    """
    from tokentrack.cli.options import current_folder
    from tokentrack.hookfiles import plan
    from tokentrack.hookfiles.install import perform
    from tokentrack.hookfiles.migrate import hook_files_in, plan_migration
    from tokentrack.workspace import find_root

    chosen = paths or (os.path.join(find_root(current_folder()), ".kiro", "hooks"),)
    found = [file for path in chosen for file in (
        hook_files_in(path) if os.path.isdir(path) else [path] if os.path.exists(path) else []
    )]  # fmt: skip
    actions = plan_migration(found, replace=replace)
    for action in actions:
        click.echo(plan.line(action), err=action.verb == "refuse")
    if not plan.writes(actions):
        click.echo("nothing to do")
    elif dry_run:
        click.echo("nothing was written: this is a dry run")
    else:
        perform(actions)
    if plan.refused(actions):
        raise TokenTrackError("some files could not be migrated: fix the refused ones above")
