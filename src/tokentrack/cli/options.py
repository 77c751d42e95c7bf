"""What the commands that work on a ledger's files have in common."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from tokentrack.common.terminal import escape
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths

workspace_option = click.option(
    "--workspace", metavar="DIR", type=click.Path(exists=True, file_okay=False),
    help="The workspace's root.  [default: the one around the current folder]",
)  # fmt: skip
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done and write nothing."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Target(NamedTuple):
    """The ledger that a command works on, and the configuration's problems."""

    paths: LedgerPaths
    config: TrackerConfig
    problems: list[str]


def current_folder() -> str:
    """Return the folder that the command was started in.

    Raises:
        click.UsageError: it was removed.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise click.UsageError("the current folder is gone: name one with --workspace.") from error


def target_of(workspace: str | None) -> Target:
    """Return the ledger of a workspace, of the one around the current folder without a name."""
    from tokentrack import workspace as workspaces
    from tokentrack.config.sources import ledger_paths, load_config

    root = os.path.realpath(workspace) if workspace else workspaces.find_root(current_folder())
    if not workspace and workspaces.is_shared_folder(root, os.environ):
        root = ""
    config, problems = load_config(root, workspaces.kiro_home(os.environ), os.environ)
    return Target(ledger_paths(root, config, os.environ), config, problems)


def run_due(target: Target) -> None:
    """Do what is due by itself, and say so on stderr."""
    from tokentrack.maintenance.schedule import run_due as run

    for sentence in run(target.paths, target.config, os.environ):
        click.echo(escape(sentence), err=True)


def say(text: str) -> None:
    """Print a line without anything that steers a terminal."""
    click.echo(escape(text))


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is changed.

    Raises:
        TokenTrackError: nobody can be asked, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise TokenTrackError("nothing was changed: there is no terminal to ask at, so add --yes")
    if not click.confirm(question):
        raise TokenTrackError("nothing was changed")
