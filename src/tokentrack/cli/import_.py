"""`tokentrack import`: take over the history that Kiro, or another instance, already has."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.options import (
    current_folder,
    dry_run_option,
    json_option,
    run_due,
    say,
    target_of,
    workspace_option,
)
from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.importing.history import SURFACES
from tokentrack.importing.summary import ELSEWHERE, UNPLACED

if TYPE_CHECKING:
    from types import FrameType

    from tokentrack.importing.summary import Summary

SCHEMA_VERSION = 1
_INTERRUPTED = 130
_ALL = " (`tokentrack import --all` takes them into the user's ledger)"
_HINTS = {ELSEWHERE: _ALL, UNPLACED: _ALL}


@click.command("import")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True))
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="The turns of every workspace, into the user's ledger.",
)
@click.option("--since", metavar="DATE", help="Only what ended on DATE or later (ISO 8601).")
@click.option(
    "--surface",
    "surfaces",
    type=click.Choice(SURFACES),
    multiple=True,
    help="Only this kind of Kiro; may be repeated.",
)
@dry_run_option
@json_option
@workspace_option
def command(files: tuple[str, ...], **options: Any) -> None:
    """Take over the history that Kiro already has: each turn becomes a row, once.

    Without FILE, the turns of this workspace, with their credits, from the files that Kiro keeps
    in your home. What the hook recorded is not added again; it gets its credits.

    With FILE, the rows of other instances' ledgers (CSV, also .gz) with the usage ledger beside
    each. Of two records of one execution the first is kept, and the other is listed.

    Running it again adds what is new. Ctrl-C ends it after the running batch.
    """  # fmt: skip
    if files and options["surfaces"]:
        raise click.UsageError("--surface is for Kiro's own history, not for FILE.")
    if options["everything"] and options["workspace"]:
        raise click.UsageError("--all and --workspace contradict each other.")
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
    from tokentrack import workspace as workspaces
    from tokentrack.config.sources import ledger_paths, load_config
    from tokentrack.importing.history import HistoryImport, Selection
    from tokentrack.importing.ledgers import FilesImport
    from tokentrack.importing.summary import note_import

    environ = os.environ
    named = options["workspace"]
    root = os.path.realpath(named) if named else workspaces.find_root(current_folder())
    shared = not named and workspaces.is_shared_folder(root, environ)
    root = "" if shared or options["everything"] else root
    config, _ = load_config(root, workspaces.kiro_home(environ), environ)
    paths = ledger_paths(root, config, environ)
    since, dry_run = _moment(options["since"]), options["dry_run"]
    if files:
        return FilesImport(paths, config, environ, since, dry_run=dry_run).run(files, watch.go_on)
    wanted = Selection(None if options["everything"] else root, since, options["surfaces"])
    summary = HistoryImport(paths, config, environ, wanted, dry_run=dry_run).run(watch.go_on)
    if not dry_run and not watch.is_stopped:
        note_import(paths)
    return summary


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    from datetime import datetime

    from tokentrack.common.timestamps import from_datetime

    try:
        return from_datetime(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 date or time, such as 2026-01-31.", param_hint="--since"
        ) from None


class _Watch:
    # Shows how far it is, and ends it after a whole batch on Ctrl-C; the second one is at once.

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
        say(f"{counted(summary.reconciled, 'row')} of a hook's got real numbers first")
    if summary.completed:
        say(f"{counted(summary.completed, 'row')} {would}completed with their credits")
    say(f"{summary.credits:f} credits" + (
        f"; unknown in {counted(summary.unknown, 'row')}" if summary.unknown else ""
    ))  # fmt: skip
    for reason, count in sorted(summary.skipped.items()):
        say(f"{counted(count, what)} skipped: {reason}{_HINTS.get(reason, '')}")
    if summary.repeated:
        say(f"{counted(summary.repeated, what)} repeated in copied, resumed or rewound sessions")
    for reason, count in sorted(summary.left_out.items()):
        say(f"{counted(count, 'place')} left out: {reason}")
    conflicts = [f"conflict, kept the first: {line}" for line in summary.conflicts]
    for line in [*conflicts, *summary.examples]:
        click.echo(f"  {escape(line)}", err=True)
