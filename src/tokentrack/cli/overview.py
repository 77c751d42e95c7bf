"""`tokentrack`: usage today and this month, by workspace and model, compared with last month."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answer_options import (
    cost_option,
    filter_options,
    format_options,
    reconcile_option,
)
from tokentrack.cli.answers import (
    ask_all,
    filters_of,
    form_of,
    own_names,
    print_answer,
    rates_for,
    scope_of,
)
from tokentrack.cli.empty_answers import empty_text
from tokentrack.cli.headings import choice_of, period_of
from tokentrack.cli.options import run_due_on_terminal, target_of
from tokentrack.common.terminal import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.reports.overview import Overview
    from tokentrack.reports.render.screen import Screen

_MOST_EXPENSIVE = 3


@click.command("overview")
@filter_options
@reconcile_option
@cost_option
@format_options
def command(**options: Any) -> None:
    """Show what was used today and this month.

    The same as `tokentrack` alone. With a plan, this month is the billing month. With --since or
    --until, shows that time instead. Turns of other users are left out, unless --user or --file
    is given.
    """
    from tokentrack.reports.overview import overview_document, overview_table
    from tokentrack.reports.render.documents import json_document

    found = ask_overview(options)
    if options["as_json"] or options["form"] == "json":
        document = overview_document(found, json_document("overview", found.period))
        click.echo(json.dumps(document, indent=2))
        if options["strict"] and found.period.provenance["skipped"]:
            raise SystemExit(1)
        return
    print_answer("overview", overview_table(found), options, lambda screen: lines_of(
        found, screen, options,
    ))  # fmt: skip
    if form_of(options) == "table" and not options["files"]:
        run_due_on_terminal(target_of(None))


def ask_overview(options: dict[str, Any]) -> Overview:
    """Return the overview that the options of the command ask for."""
    from tokentrack.common.timestamps import now_us
    from tokentrack.reports.overview import Overview, month_of, questions
    from tokentrack.reports.zones import Zone

    now, zone = now_us(), Zone(options["tz"])
    filters, rates = filters_of(options), rates_for(options)
    is_all = not options["here"] and not filters["where"]
    own = None if options["user"] or options["files"] else own_names()
    since = filters["since"] if options["since"] else None
    month = month_of(rates, since, zone, now)
    asked = questions(
        since, filters["until"], rates, month, filters["where"], own, is_all=is_all, now=now
    )
    answers = ask_all(options, list(asked.values()), now=now)
    found = Overview(dict(zip(asked, answers, strict=True)), zone, now, month)
    if found.today is not None and found.today.total["turns"]:
        found.most_expensive = _most_expensive(options, asked["today"])
    return found


def _most_expensive(options: dict[str, Any], today: dict[str, Any]) -> list[dict[str, Any]]:
    from tokentrack.reports.turns.turn_list import list_turns

    if form_of(options) not in {"table", "json"}:
        return []
    times = {name: today[name] for name in ("since", "until", "where")}
    filters = {**filters_of(options), **times}
    scope = scope_of(options)
    answer = list_turns(**filters, **scope.arguments, sort="credits", limit=_MOST_EXPENSIVE)
    answer = scope.noted(answer)
    return [row for row in answer.rows if row["credits"] is not None]


def lines_of(found: Overview, screen: Screen, options: dict[str, Any]) -> list[str]:
    """Return the lines of an overview on a screen."""
    from tokentrack.reports.render.dates import date_text
    from tokentrack.reports.render.overview import empty_lines, overview_lines

    heading = ["Kiro usage", *choice_of(found.period, options), date_text(found.day)]
    if not found.is_usual:
        heading.append(period_of(found.period))
    heading = [escape(part) for part in heading]
    if found.period.total["turns"]:
        return overview_lines(found, screen, heading=heading)
    steps = list(_next_steps(found, options))
    return empty_lines(found, screen, heading=heading, steps=steps)


def _next_steps(found: Overview, options: dict[str, Any]) -> Iterator[str]:
    from tokentrack.common.formatting import counted
    from tokentrack.hookfiles.installed import installed_hooks
    from tokentrack.importing.summary import history_hint, history_size
    from tokentrack.workspace import kiro_home

    if filters_of(options)["where"]:
        yield empty_text(found.period, options)
        return
    ever = found.ever.total["turns"]
    if ever:
        when = "this month" if found.is_usual else "in this time"
        others = counted(ever, "turn") + (" was" if ever == 1 else " were")
        yield f"No turn {when}. {others} recorded at other times."
        yield "`tokentrack report month --since all` shows all time."
        return
    if found.others:
        yield (
            "Only other users have turns here: `tokentrack report user` shows them, "
            "--user NAME shows one of them here."
        )
        return
    if options["files"]:
        yield "These files have no turns."
        return
    paths = target_of(None).paths
    has_ledger = os.path.lexists(paths.path)
    yield "No turn is recorded yet." if has_ledger else "Nothing is recorded here yet."
    if history_hint(paths, os.environ):
        yield (
            f"Kiro has history on this computer (sessions and files: {history_size(os.environ)}): "
            "`tokentrack import` brings in the turns of this workspace, `tokentrack import --all` "
            "those of all workspaces."
        )
    if has_ledger or installed_hooks(paths.base, kiro_home(os.environ)):
        yield "Run a turn in Kiro. `tokentrack doctor` tells whether the hooks work."
    else:
        yield "`tokentrack init` installs the hooks that record each turn from now on."
