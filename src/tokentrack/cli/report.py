"""`tokentrack report`: turns, credits and time by any dimensions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answers import (
    ask,
    cost_option,
    filter_options,
    format_options,
    print_answer,
    rates_for,
    source_words,
)
from tokentrack.common.terminal import escape

if TYPE_CHECKING:
    from tokentrack.reports.answer import Answer

_TITLES = ("turns", "credits", "cost", "tokens", "time", "failed", "wasted", "rate", "cr/turn")
_METRICS = {
    "time": "seconds", "wasted": "credits_failed", "rate": "tokens_per_second",
    "cr/turn": "credits_per_turn",
}  # fmt: skip


@click.command("report")
@click.argument("dimensions", nargs=-1, metavar="[DIMENSION]...")
@filter_options
@click.option("--show", metavar="METRICS", help=f"Columns: {', '.join(_TITLES)}.")
@click.option("--sort", metavar="NAME", default="",
              help="Sort by a dimension or a column; -NAME reverses the order.")  # fmt: skip
@click.option(
    "-n", "limit", metavar="NUMBER", type=click.IntRange(0), default=0,
    help="Show at most NUMBER rows; 0 shows all.  [default: 0]",
)  # fmt: skip
@cost_option
@format_options
def command(dimensions: tuple[str, ...], **options: Any) -> None:
    """Show turns, credits and time by any dimension.

    Up to three dimensions can be combined. DIMENSION is one of hour, day, week, month, weekday,
    workspace, session, trigger, hook, pattern, model, surface, tag, tag:KEY, user, machine,
    failed, message.  [default: day]
    """
    from tokentrack.reports.answer import USUAL_METRICS
    from tokentrack.reports.render.report import MEASURES, USUAL, report_lines

    by = dimensions or ("day",)
    rates = rates_for(options)
    titles = _titles(options["show"], USUAL if rates is None else _with_cost(USUAL))
    needed = [metric for title in titles for metric in MEASURES[title].metrics]
    answer = ask(
        options,
        by,
        metrics=list(dict.fromkeys([*USUAL_METRICS, *needed])),
        sort=_sort(options["sort"]),
        limit=options["limit"],
        rates=rates,
    )
    print_answer("report", answer, options, lambda screen: report_lines(
        answer, screen, measures=titles, heading=heading(answer, options),
        empty=f"No turns found. {_hint(options)}",
    ))  # fmt: skip


def _with_cost(titles: tuple[str, ...]) -> tuple[str, ...]:
    after = titles.index("credits") + 1
    return (*titles[:after], "cost", *titles[after:])


def _titles(shown: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    if not shown:
        return usual
    titles = tuple([title.strip() for title in shown.split(",") if title.strip()])
    for title in titles:
        if title not in _TITLES:
            raise click.BadParameter(
                f"unknown column {title!r}: use {', '.join(_TITLES)}", param_hint="--show"
            )
    return titles


def _sort(name: str) -> str:
    sign = "-" if name.startswith("-") else ""
    bare = name.removeprefix("-")
    return sign + _METRICS.get(bare, bare)


def _hint(options: dict[str, Any]) -> str:
    if options["since"] == "all":
        return "`tokentrack import` brings in Kiro's own history."
    return "Use --since all to look at all time."


def heading(answer: Answer, options: dict[str, Any]) -> list[str]:
    """Return what an answer is about: dimensions, time, ledgers, time zone."""
    parts = [f"Usage by {', '.join(answer.query.by)}"]
    since, until = options["since"] or "this-month", options["until"]
    parts.append(since if not until else f"{since} to {until}")
    where = [f"{name} {', '.join(values)}" for name, values in answer.query.where.items()]
    parts += source_words(options) if options["files"] or not where else []
    parts += where
    parts.append(answer.tz or os.environ.get("TZ", ""))
    if answer.query.rates is not None and "cost" in answer.query.metrics:
        parts += answer.query.rates.texts
    return [escape(part) for part in parts if part]
