"""`tokentrack turns`: single turns, the newest, most expensive, slowest or those with a word."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answer_options import filter_options, format_options, reconcile_option
from tokentrack.cli.answers import filters_of, form_of, print_answer, scope_of
from tokentrack.cli.empty_answers import empty_text
from tokentrack.cli.headings import heading_of
from tokentrack.cli.turns_output import print_turns
from tokentrack.common.terminal import escape

if TYPE_CHECKING:
    from tokentrack.reports.answer import Answer

_SHOWN = 20
_ORDERS = {
    "when": ("newest", "oldest"), "credits": ("most credits", "fewest credits"),
    "time": ("longest", "shortest"), "tokens": ("most tokens", "fewest tokens"),
    "rate": ("fastest", "slowest"),
}  # fmt: skip
_MARKDOWN = ("id", "when", "workspace", "model", "credits", "seconds", "tokens", "prompt")


@click.command("turns")
@partial(filter_options, since="all if sorted by when, else this-month")
@click.option("--sort", metavar="NAME", default="when", show_default=True,
              help="Sort by when, credits, time, tokens or rate (tokens per second); the newest "
              "or largest come first. -NAME reverses the order.")  # fmt: skip
@click.option("--grep", metavar="RE",
              help="Only turns whose prompt matches a regular expression. Without a capital "
              "letter, upper and lower case are the same.")  # fmt: skip
@click.option("-n", "limit", metavar="NUMBER", type=click.IntRange(0),
              help="Show at most NUMBER turns; 0 shows all.  [default: 20 in tables, else all]",
)  # fmt: skip
@click.option("-f", "--follow", is_flag=True,
              help="Show the last 10 turns, and then each new one when it is recorded. --json "
              "prints an object per line.")  # fmt: skip
@reconcile_option
@format_options
def command(**options: Any) -> None:
    """Show single turns with their prompts, the newest first.

    Run `tokentrack show ID` to see everything about one of them.
    """
    from tokentrack.reports.render.turns import turn_lines
    from tokentrack.reports.turns.turn_list import list_turns

    if options["follow"]:
        from tokentrack.cli.turns_follow import follow

        follow(options)
    sort, limit = options["sort"], options["limit"]
    if not options["since"] and sort.removeprefix("-") == "when":
        options["since"] = "all"
    if limit is None:
        limit = _SHOWN if form_of(options) in {"table", "markdown"} else 0
    asked = {"sort": sort, "limit": limit, "grep": options["grep"]}
    if form_of(options) in {"json", "csv"}:
        print_turns(options, **asked)
        return
    scope = scope_of(options)
    answer = scope.noted(list_turns(**filters_of(options), **scope.arguments, **asked))
    print_answer(
        "turns", answer, options,
        lambda screen: turn_lines(
            answer, screen, heading=_heading(answer, options),
            empty=lambda: empty_text(answer, options),
        ),
        columns={"markdown": _MARKDOWN},
    )  # fmt: skip


def _heading(answer: Answer, options: dict[str, Any]) -> list[str]:
    name = options["sort"].removeprefix("-")
    order = _ORDERS[name][options["sort"] != name]
    parts = heading_of(f"Turns, {order} first", answer, options)
    if options["grep"] is not None:
        parts.append("matching " + ("a text" if options["redact"] else escape(options["grep"])))
    return parts
