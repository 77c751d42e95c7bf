"""The command line: a lazy group, one small file for each command."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

import tokentrack
from tokentrack.common.oserrors import sentence_of
from tokentrack.common.terminal import escape
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from collections.abc import Mapping

# command -> (module, one line of help); a command's module is imported only when it runs.
_COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("tokentrack.cli.init", "Install the hook files that record each turn."),
    "uninstall": ("tokentrack.cli.uninstall", "Remove exactly what init wrote."),
    "status": ("tokentrack.cli.status", "Say what is recorded and whether the hooks would fire."),
    "validate-hooks": ("tokentrack.cli.validate_hooks", "Check Kiro hook files."),
    "reconcile": ("tokentrack.cli.reconcile", "Fill in the credits that Kiro wrote since."),
    "import": ("tokentrack.cli.import_", "Take over the history that Kiro already has."),
    "doctor": ("tokentrack.cli.doctor", "Find out why turns are not recorded, and how to fix it."),
    "migrate-hooks": ("tokentrack.cli.migrate_hooks", "Turn IDE 0.x hook files into v1 files."),
    "verify": ("tokentrack.cli.verify", "Say where the ledger's files are damaged."),
    "repair": ("tokentrack.cli.repair", "Make damaged files whole; the original is kept."),
    "backup": ("tokentrack.cli.backup", "Make, list and remove backups."),
    "restore": ("tokentrack.cli.restore", "Bring back rows from a backup."),
    "rotate": ("tokentrack.cli.rotate", "Turn the ledger into an archive, which reports read on."),
    "prune": ("tokentrack.cli.prune", "Remove the rows that are older than retention_days."),
    "hook-run": ("tokentrack.cli.hook_run", "Record one Kiro event (run by Kiro, always silent)."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the table, the one users meet them in."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a command and return its `command`."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tokentrack.__version__, prog_name="tokentrack")
def cli() -> None:
    """Record what each Kiro turn uses, and answer what was used, where and why."""


def run() -> int:
    """Run the command line; what the user can fix is one sentence on stderr and exit code 1."""
    # Whoever can write a hook file decides what Kiro runs.
    os.umask(os.umask(0o077) | 0o022)
    # A stream that was closed before the start is None, and its number free for any other file.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (until the exit)
    try:
        cli(prog_name="tokentrack")
    except TokenTrackError as error:
        click.echo(f"tokentrack: {escape(str(error))}", err=True)
    except OSError as error:
        # A full disk or a closed pipe behind stdout: nothing more may be flushed to it.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (until the exit)
        click.echo(f"tokentrack: {escape(sentence_of(error))}", err=True)
    return 1
