"""`tokentrack turns --follow`: the last turns, then each new one when it is recorded."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answers import (
    current_ledgers,
    filters_of,
    form_of,
    print_line,
    scope_of,
    screen_for,
)
from tokentrack.errors import FileSystemError

if TYPE_CHECKING:
    from collections.abc import Iterator


_SHOWN = 10
_SECONDS = 0.5
# Of a turn, how long it may be recorded after its end.
_LATE = "2d"
# The widths of a table's columns are those of so many rows.
_ROWS = 20
INTERRUPTED = 130


def follow(options: dict[str, Any]) -> None:
    """Print the last turns, the oldest first, and each new one, until the user or the reader ends.

    Args:
        options: those of `turns`.
    """
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as other programs that print lines
    refused = [name for name in ("until", "strict") if options[name]]
    if options["sort"] != "when":
        refused.append("sort")
    if refused:
        raise click.UsageError(f"--follow and --{refused[0]} exclude each other.")
    form = form_of(options)
    if form == "markdown":
        raise click.UsageError("--follow prints a table, JSON lines or CSV.")
    try:
        {"table": _print_table, "json": _print_json, "csv": _print_csv}[form](options)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _print_table(options: dict[str, Any]) -> None:
    from tokentrack.reports.render.turns import table_of

    screen = screen_for(options)
    shown: list[dict[str, Any]] = []
    for number, rows in enumerate(_batches(options)):
        shown = [*shown, *rows][-max(_ROWS, len(rows)) :]
        lines = table_of(shown, screen, options["tz"])
        for line in lines if not number else lines[len(lines) - len(rows) :]:
            print_line(line)


def _print_json(options: dict[str, Any]) -> None:
    for rows in _batches(options):
        for row in rows:
            print_line(json.dumps(row))


def _print_csv(options: dict[str, Any]) -> None:
    from tokentrack.reports.answer import Answer, Query
    from tokentrack.reports.render.documents import csv_lines
    from tokentrack.reports.turns.turn_rows import FIELDS

    nothing = Answer(Query(), None, None, "", {})
    for line in csv_lines(nothing, FIELDS, (row for rows in _batches(options) for row in rows)):
        print_line(line)


def _batches(options: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    # First the last turns, then the new ones as they come; the oldest first.
    from tokentrack.reports.ledger.changes import Changes
    from tokentrack.reports.turns.new_turns import NewTurns
    from tokentrack.reports.turns.turn_list import list_turns

    # Typeshed has `TextIO`, but standard output is a `TextIOWrapper`.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    where, tz, grep = filters_of(options)["where"], options["tz"], options["grep"]
    new = NewTurns(options["since"] or _LATE, where=where, tz=tz, grep=grep)
    changes, scope = Changes(current_ledgers(options)), scope_of(options)
    changes.look(scope.ledgers, os.environ)
    new.look(**scope.arguments)
    limit = _SHOWN if options["limit"] is None else options["limit"]
    last = list_turns(
        where=where, since=options["since"], tz=tz, grep=grep, limit=limit, **scope.arguments
    )
    new.note(row["id"] for row in last.rows)
    yield scope.noted(last).rows[::-1]
    options["is_live"] = True
    while True:
        if changes.look(scope.ledgers, os.environ):
            del options["scope"]
            scope = scope_of(options)
            try:
                rows = new.look(**scope.arguments)
            except FileSystemError:
                rows = []  # they may be readable again
            if rows:
                redact = scope.pseudonyms and scope.pseudonyms.turn
                yield [redact(row) for row in rows] if redact else rows
        _end_without_reader()
        time.sleep(_SECONDS)


def _end_without_reader() -> None:
    # A pipe whose reader has ended shows so without being written to.
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(1, 0)
        if poll.poll(0):
            signal.raise_signal(signal.SIGPIPE)
