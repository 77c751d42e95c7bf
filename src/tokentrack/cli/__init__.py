"""The command line: a lazy group, and one small file for each command."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

import tokentrack
from tokentrack.cli.options import Group, say
from tokentrack.common.oserrors import sentence_of
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from collections.abc import Mapping

# command -> (module, the first sentence of its help); its module is imported when it is run.
_COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("tokentrack.cli.init", "Install hooks that record each turn."),
    "uninstall": ("tokentrack.cli.uninstall", "Remove what init installed."),
    "status": ("tokentrack.cli.status", "Show whether turns are recorded, and what is in the way."),
    "doctor": ("tokentrack.cli.doctor", "Find out why turns are not recorded, and suggest fixes."),
    "overview": ("tokentrack.cli.overview", "Show what was used today and this month."),
    "report": ("tokentrack.cli.report", "Show turns, credits and time by any dimension."),
    "turns": ("tokentrack.cli.turns", "Show single turns with their prompts, the newest first."),
    "show": ("tokentrack.cli.show", "Show one turn with the source of each field."),
    "watch": ("tokentrack.cli.watch", "Show the overview, redrawn when a ledger changes."),
    "statusline": ("tokentrack.cli.statusline", "Print one line for a shell prompt."),
    "workspaces": (
        "tokentrack.cli.workspaces",
        "List the known ledgers, their turns and their hooks.",
    ),
    "plan": ("tokentrack.cli.plan", "Show, set or remove your Kiro plan."),
    "import": ("tokentrack.cli.import_", "Import Kiro's existing history, or other ledgers."),
    "reconcile": ("tokentrack.cli.reconcile", "Add credits that Kiro wrote after the turn."),
    "trust": (
        "tokentrack.cli.trust",
        "Trust a workspace's configuration until it changes.",
    ),
    "validate-hooks": ("tokentrack.cli.validate_hooks", "Check Kiro hook files for errors."),
    "migrate-hooks": (
        "tokentrack.cli.migrate_hooks",
        "Convert IDE 0.x hook files to the v1 format.",
    ),
    "maintain": ("tokentrack.cli.maintain", "Back up and rotate the ledger if that is due."),
    "verify": ("tokentrack.cli.verify", "Check the ledger's files for damage."),
    "repair": ("tokentrack.cli.repair", "Repair damaged files, keeping the originals."),
    "backup": ("tokentrack.cli.backup", "Create, list and remove backups."),
    "restore": ("tokentrack.cli.restore", "Restore rows from a backup."),
    "rotate": ("tokentrack.cli.rotate", "Move the ledger's rows to an archive."),
    "prune": ("tokentrack.cli.prune", "Remove rows older than retention_days."),
    "hook-run": ("tokentrack.cli.hook_run", "Record one Kiro event (run by Kiro, always silent)."),
}

# All other options without a command are those of the overview.
_OWN_OPTIONS = ("-h", "--help", "--version")
_WITHOUT_COMMAND = "tokentrack.without_command"
# Commands of other programs, which are reports by these dimensions; no help lists them.
_DIMENSIONS = {"daily": "day", "weekly": "week", "monthly": "month", "session": "session"}


class _InterruptedError(BaseException):
    """The user has pressed Ctrl-C."""


class LazyGroup(Group):
    """A group that knows its commands by name and imports each only when it is called."""

    unlisted = _DIMENSIONS

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the command to arguments that name none, and to those that name a report."""
        if not args or (args[0].startswith("-") and args[0] not in _OWN_OPTIONS):
            ctx.meta[_WITHOUT_COMMAND] = args
            args = ["overview", *args]
        if args[0] in _DIMENSIONS:
            args = ["report", _DIMENSIONS[args[0]], *args[1:]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; for a word that people try, say which command it is."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from tokentrack.cli.report import SPELLINGS

            if args[0] not in SPELLINGS:
                raise
            message = f"{args[0]!r} is not a command: run `tokentrack {SPELLINGS[args[0]]}`."
            raise click.UsageError(message, ctx) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; say where options belong that come before its name."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # click would say "Aborted!" and end with 1; the entry point knows better.
            raise _InterruptedError from None
        except click.UsageError as error:
            words = ctx.meta.get(_WITHOUT_COMMAND, ())
            name = next((word for word in words if word in _COMMANDS), "")
            if not name or not error.message.startswith("Got unexpected extra"):
                raise
            options = " ".join([word for word in words if word != name])
            example = f"tokentrack {name} {options}"
            raise click.UsageError(f"Options come after the command: {example}", ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the table, in which users meet them."""
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
    """Record what each Kiro turn uses, in a ledger that is a plain CSV file.

    Run `tokentrack init` in a project, then a turn in Kiro, then `tokentrack`: without a command,
    it shows the overview.
    """


def run() -> int:
    """Run the command line; an error that the user can fix is one sentence and exit code 1."""
    # Hook files decide what Kiro runs, so others must not be able to write them.
    os.umask(os.umask(0o077) | 0o022)
    # A stream that was closed before the start is None, and its number free for any other file.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (until the exit)
    try:
        cli(prog_name="tokentrack")
    except _InterruptedError:
        raise KeyboardInterrupt from None
    except TokenTrackError as error:
        _report(str(error))
    except OSError as error:
        # A full disk or a closed pipe behind stdout: nothing more may be flushed to it.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (until the exit)
        _report(sentence_of(error))
    return 1


def _report(message: str) -> None:
    say(f"Error: {message}", err=True)  # as `click.ClickException` shows it
