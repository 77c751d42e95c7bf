"""`tokentrack import`: import the history that Kiro or another ledger already has."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import (
    dry_run_option,
    json_option,
    register,
    root_of,
    run_due,
    say,
    target_at,
    target_of,
    workspace_option,
)
from tokentrack.common.formatting import counted
from tokentrack.importing.history import SURFACES
from tokentrack.importing.summary import ELSEWHERE, UNPLACED

if TYPE_CHECKING:
    from types import FrameType

    from tokentrack.importing.summary import Summary

SCHEMA_VERSION = 1
_INTERRUPTED = 130
_ALL = " (`tokentrack import --all` imports them into your own ledger)"
_HINTS = {ELSEWHERE: _ALL, UNPLACED: _ALL}


@click.command("import")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True))
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Import the turns of all workspaces into your own ledger.",
)
@click.option("--since", metavar="DATE", help="Import only what ended on DATE (ISO 8601) or later.")
@click.option(
    "--surface",
    "surfaces",
    type=click.Choice(SURFACES),
    multiple=True,
    help="Import only from this surface. Repeatable.",
)
@click.option("--user", metavar="NAME", help="Set the user of rows that have none.")
@dry_run_option
@json_option
@workspace_option
def command(files: tuple[str, ...], **options: Any) -> None:
    """Import Kiro's existing history, or other ledgers.

    Without FILE, imports the turns of this workspace, with their credits, from the files that
    Kiro keeps in your home folder: one row per turn, never twice. A turn that a hook has recorded
    only gets its credits.

    With FILE, imports the rows of other machines' ledgers (CSV, also .gz), each with the usage
    ledger next to it. If two records of one execution differ, the first is kept and the other
    listed.

    Run it again to add what is new. Ctrl-C stops after the current batch.
    """
    if files and options["surfaces"]:
        raise click.UsageError("--surface is for Kiro's own history, not for FILE.")
    if options["user"] is not None:
        _check_user(options["user"])
    if options["everything"] and options["workspace"]:
        raise click.UsageError("--all and --workspace exclude each other.")
    watch = _Watch()
    summary = _run(files, options, watch)
    watch.end()
    if options["as_json"]:
        facts = {"schema_version": SCHEMA_VERSION, "dry_run": options["dry_run"]}
        click.echo(json.dumps({**facts, **summary.as_dict()}, indent=2))
    else:
        _tell(summary, dry_run=options["dry_run"], what="row" if files else "turn")
    if not options["dry_run"] and not options["everything"]:
        run_due(target_of(options["workspace"]))
    if watch.is_stopped:
        click.echo("interrupted: run the command again to import the rest", err=True)
        raise SystemExit(_INTERRUPTED)


def _run(files: tuple[str, ...], options: dict[str, Any], watch: _Watch) -> Summary:
    from tokentrack.importing.history import HistoryImport, Selection
    from tokentrack.importing.ledgers import LedgersImport
    from tokentrack.importing.summary import note_import

    environ = os.environ
    root = "" if options["everything"] else root_of(options["workspace"])
    target = target_at(root)
    paths, config, _ = target
    since, dry_run = _moment(options["since"]), options["dry_run"]
    more = {"user": options["user"], "dry_run": dry_run}
    if files:
        summary = LedgersImport(paths, config, environ, since, **more).run(files, watch.go_on)
        if summary.added and not dry_run:
            register(target)
        return summary
    wanted = Selection(None if options["everything"] else root, since, options["surfaces"])
    summary = HistoryImport(paths, config, environ, wanted, **more).run(watch.go_on)
    if summary.added and not dry_run:
        register(target)
    if not dry_run and not watch.is_stopped:
        note_import(paths)
    return summary


def _check_user(name: str) -> None:
    from tokentrack.config.fields import MAX_NAME, check_value

    if not name or check_value("user", name):
        raise click.BadParameter(f"a name has 1 to {MAX_NAME} characters.", param_hint="--user")


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    from datetime import datetime

    from tokentrack.common.timestamps import from_datetime

    try:
        return from_datetime(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is not an ISO 8601 date or time, such as 2026-01-31.", param_hint="--since"
        ) from None


class _Watch:
    # Shows the progress, and stops after a whole batch on Ctrl-C; a second Ctrl-C stops at once.

    def __init__(self) -> None:
        self.is_stopped = False
        self._is_shown = False
        self._before = signal.signal(signal.SIGINT, self._stop)

    def go_on(self, summary: Summary) -> bool:
        if sys.stderr.isatty():
            self._is_shown = True
            click.echo(f"\r{summary.read:,} read, {summary.added:,} added", nl=False, err=True)
        return not self.is_stopped

    def end(self) -> None:
        signal.signal(signal.SIGINT, self._before)
        if self._is_shown:
            click.echo(err=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_stopped = True
        signal.signal(signal.SIGINT, self._before)


def _tell(summary: Summary, *, dry_run: bool, what: str) -> None:
    would = "would be " if dry_run else ""
    surfaces = ", ".join(f"{n:,} {name}" for name, n in sorted(summary.by_surface.items()))
    say(f"{counted(summary.read, what)} read")
    say(f"{counted(summary.added, 'row')} {would}added" + (f" ({surfaces})" if surfaces else ""))
    if summary.reconciled:
        say(f"{counted(summary.reconciled, 'recorded row')} reconciled first")
    if summary.completed:
        say(f"{counted(summary.completed, 'row')} {would}completed with their credits")
    if summary.named:
        say(f"{counted(summary.named, 'row')} {would}completed with the name of their user")
    say(f"{summary.credits:f} credits" + (
        f"; unknown in {counted(summary.unknown, 'row')}" if summary.unknown else ""
    ))  # fmt: skip
    for reason, count in sorted(summary.skipped.items()):
        say(f"{counted(count, what)} skipped: {reason}{_HINTS.get(reason, '')}")
    if summary.repeated:
        say(f"{counted(summary.repeated, what)} repeated in copied, resumed or rewound sessions")
    for reason, count in sorted(summary.left_out.items()):
        say(f"{counted(count, 'place')} not read: {reason}")
    conflicts = [f"conflict, first row kept: {line}" for line in summary.conflicts]
    for line in [*conflicts, *summary.examples]:
        say(f"  {line}", err=True)
