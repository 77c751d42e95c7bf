"""`tokentrack show`: everything about one turn."""

from __future__ import annotations

import json
from typing import Any

import click

from tokentrack.cli.answer_options import file_option, reconcile_option, redact_option
from tokentrack.cli.answers import form_of, print_line, rates_for, scope_of, screen_for
from tokentrack.cli.options import Words, json_option
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import TokenTrackError

SCHEMA_VERSION = 1


@click.command("show")
@click.argument("identity", metavar="ID")
@click.option("--tz", metavar="ZONE", help="Time zone of the times, such as Europe/Berlin.  "
              "[default: the system's]")  # fmt: skip
@file_option
@click.option("--no-index", is_flag=True,
              help="Read the ledgers directly instead of the index.")  # fmt: skip
@reconcile_option
@click.option("--format", "form", type=Words(["table", "json"]), default="table",
              show_default=True, help="How to print the turn.")  # fmt: skip
@json_option
@redact_option
@click.option("--color", type=Words(["auto", "always", "never"]), default="auto",
              show_default=True, help="When to use colour.")  # fmt: skip
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII only.")
def command(identity: str, **options: Any) -> None:
    """Show one turn with the source of each field.

    ID is an id from `tokentrack turns`, or the beginning of one. The ledgers of all workspaces
    are searched, or those of --file.

    Exit code 1 if no turn, or more than one, has such an id.
    """
    from tokentrack.reports.render.one_turn import one_turn_lines
    from tokentrack.reports.turns.one_turn import show_turn
    from tokentrack.reports.zones import Zone

    zone = Zone(options["tz"])
    scope = scope_of({**options, "here": False})
    try:
        found = show_turn(
            identity, ledgers=scope.ledgers, index=scope.index_path, progress=scope.progress,
            rates=rates_for({"cost": "plan"}),
        )  # fmt: skip
    except TokenTrackError as error:
        if scope.pseudonyms is None:
            raise
        raise TokenTrackError("the id does not name one turn") from error  # it lists ids
    if scope.pseudonyms is not None:
        found = scope.pseudonyms.one_turn(found)
        identity = found.turn["id"]
    if form_of(options) == "json":
        document = {
            "schema_version": SCHEMA_VERSION,
            "command": "show",
            "generated_at": format_us(now_us()),
            "query": {"id": identity},
            "id": found.turn["id"],
            "fields": found.fields,
            "rows": found.rows,
            "provenance": {"source": found.source},
        }
        click.echo(json.dumps(document, indent=2))
        return
    for line in one_turn_lines(found, screen_for(options), zone):
        print_line(line)
