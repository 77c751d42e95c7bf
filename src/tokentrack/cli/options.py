"""Shared by the commands: options, the ledger they work on, suggestions, and questions."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tokentrack.common.suggestions import meant, nearest
from tokentrack.common.terminal import wrap
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from collections.abc import Collection

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths

_INDENT = 2  # of the lines after the first one of a sentence
WORKSPACE_HELP = "Root of the workspace.  [default: found from the current folder]"

workspace_option = click.option(
    "--workspace",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help=WORKSPACE_HELP,
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done and change nothing."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


class Group(click.Group):
    """A group of commands that suggests a similar name for an unknown command.

    Attributes:
        unlisted: names of commands that no list has.
    """

    unlisted: Collection[str] = ()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command's name, the command and its arguments."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            similar = nearest(args[0], [*self.list_commands(ctx), *self.unlisted])
            if not similar or "Did you mean" in error.message:  # newer versions of click say it
                raise
            message = f"{error.message} Did you mean '{similar}'?"
            raise click.UsageError(message, ctx) from error


class Words(click.Choice[str]):
    """Some words, of which a similar one is suggested for a wrong one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word.

        Raises:
            click.BadParameter: it is not one of them.
        """
        if value not in self.choices:
            hint = meant(str(value), self.choices) or f": use one of {', '.join(self.choices)}"
            self.fail(f"unknown word {value!r}{hint}", param, ctx)
        return str(value)


class Target(NamedTuple):
    """The ledger that a command works on, its configuration, and what is wrong with that."""

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


def root_of(workspace: str | None) -> str:
    """Return the root of the workspace that --workspace names, or that the current folder is in.

    "" means the user's own ledger: the current folder is in no workspace.
    """
    from tokentrack.workspace import find_root, is_shared_folder

    if workspace:
        return os.path.realpath(workspace)
    root = find_root(current_folder())
    return "" if is_shared_folder(root, os.environ) else root


def target_of(workspace: str | None) -> Target:
    """Return the ledger of the workspace that `root_of` finds."""
    return target_at(root_of(workspace))


def target_at(root: str) -> Target:
    """Return the ledger of a workspace's root; "" means the user's own."""
    from tokentrack.config.sources import ledger_paths, load_config, own_root
    from tokentrack.workspace import kiro_home

    root = own_root(root, os.environ)
    config, problems = load_config(root, kiro_home(os.environ), os.environ)
    return Target(ledger_paths(root, config, os.environ), config, problems)


def refuse_ignored(name: str, workspace: str | None) -> None:
    """Refuse to remove anything by another number than the one that the workspace has.

    Raises:
        TokenTrackError: the workspace sets the field in a file that is not trusted.
    """
    from tokentrack.config.sources import ignored_values, own_root
    from tokentrack.workspace import kiro_home

    root = own_root(root_of(workspace), os.environ)
    for sentence in ignored_values(root, kiro_home(os.environ), os.environ):
        if f" {name}=" in sentence:
            raise TokenTrackError(
                f"nothing was removed: {sentence}; look at it, then run `tokentrack trust`, or "
                "remove the value"
            )


def register(target: Target) -> None:
    """List a ledger that a command writes or prepares; a failure never matters."""
    from tokentrack.store.registry import register as add

    if target.config.registry_enabled:
        add(target.paths, os.environ)


def work_off(target: Target, seconds: float = 1.0) -> None:
    """Record for some seconds what waits in spools that a hook set aside as a whole."""
    from tokentrack.recorder.set_aside import work_off as work

    with suppress(OSError):  # it keeps waiting, and `status` counts it
        work(target.paths, target.config, os.environ, seconds)


def run_due(target: Target) -> None:
    """Run the maintenance that is due, and report it on stderr."""
    from tokentrack.maintenance.schedule import run_due as run

    if not target.config.auto_maintenance:
        work_off(target)
    for sentence in run(target.paths, target.config, os.environ):
        say(sentence, err=True)


def run_due_on_terminal(target: Target) -> None:
    """Run the maintenance that is due, after an answer on a terminal, and say so in one line."""
    if not sys.stdout.isatty() or not target.config.auto_maintenance:
        return
    from tokentrack.maintenance.schedule import maintain

    done, problem = maintain(target.paths, target.config, os.environ)
    if problem:
        done.append(f"postponed: {problem}")
    if done:
        say(f"maintenance: {'; '.join(done)}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """Print a line in the terminal's width, with everything escaped that could steer it."""
    click.echo("\n".join(wrap(text, _INDENT, err=err)), err=err)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is changed.

    Raises:
        TokenTrackError: there is no terminal to ask on, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise TokenTrackError("nothing was changed: there is no terminal to ask on; add --yes")
    if not click.confirm(question):
        raise TokenTrackError("nothing was changed")
