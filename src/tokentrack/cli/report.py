"""`tokentrack report`: turns, credits and time by any dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answer_options import (
    BILLING,
    cost_option,
    filter_options,
    format_options,
    reconcile_option,
)
from tokentrack.cli.answers import (
    ask,
    ask_all,
    filters_of,
    form_of,
    print_answer,
    rates_for,
)
from tokentrack.cli.empty_answers import empty_text
from tokentrack.cli.headings import heading_of
from tokentrack.common.suggestions import meant
from tokentrack.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.reports.answer import Answer

_TITLES = ("turns", "credits", "cost", "tokens", "time", "failed", "wasted", "rate", "cr/turn")
_METRICS = {
    "time": "seconds", "wasted": "credits_failed", "rate": "tokens_per_second",
    "cr/turn": "credits_per_turn",
}  # fmt: skip


SPELLINGS = {
    "errors": "report message --failed", "failures": "report message --failed",
    "cost": "report day --show cost", "costs": "report day --show cost",
    "top": "turns --sort credits", "slow": "turns --sort time", "history": "turns",
    "search": "turns --grep WORD", "compare": "report workspace --vs last-month",
    "project": "report workspace", "projects": "report workspace", "prompt": "turns",
    "plan": "plan show", "total": "overview",
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
@click.option("--vs", metavar="PERIOD",
              help="Compare with another time: last-month, yesterday, 7d, billing (the "
              "billing month before), or 2026-10-01..2026-10-31.")  # fmt: skip
@click.option("--breakdown", is_flag=True, help="Show the models below each row.")
@reconcile_option
@click.option("--prices-as-of", "prices_as_of", metavar="DATE",
              help="Show also what tracked requests cost at the prices of DATE.")  # fmt: skip
@cost_option
@format_options
def command(dimensions: tuple[str, ...], **options: Any) -> None:
    """Show turns, credits and time by any dimension.

    Up to three dimensions can be combined. DIMENSION is one of hour, day, week, month, weekday,
    workspace, session, trigger, hook, pattern, model, surface, tag, tag:KEY, user, machine,
    failed, message.  [default: day]
    """
    from tokentrack.reports.answer import REPRICED, TOKEN_BASES, USUAL_METRICS
    from tokentrack.reports.render.measures import MEASURES, USUAL
    from tokentrack.reports.render.report import report_lines

    _check_words(dimensions)
    by = dimensions or ("day",)
    rates = rates_for(options)
    titles = _titles(options["show"], USUAL if rates is None else _with_cost(USUAL))
    needed = [metric for title in titles for metric in MEASURES[title].metrics]
    if form_of(options) == "json" and not options["show"]:
        needed = [] if rates is None else ["cost"]  # the keys that every report has
    if form_of(options) == "table" and not {"tokens", "rate"}.isdisjoint(titles):
        needed += TOKEN_BASES  # by which their numbers are marked
    if options["prices_as_of"]:
        titles = tuple(dict.fromkeys([*titles, "cost", *REPRICED]))
        needed += ["cost", *REPRICED]
    sort = _sort(options["sort"], by, is_compared=bool(options["vs"]))
    question = {
        "by": by, "metrics": list(dict.fromkeys([*USUAL_METRICS, *needed])), "sort": sort,
        "limit": options["limit"], "rates": rates, "prices_as_of": options["prices_as_of"],
    }  # fmt: skip
    parts = None
    if options["vs"] and options["breakdown"]:
        raise click.UsageError("--vs and --breakdown exclude each other.")
    if options["vs"]:
        answer = _compared(options, question, titles)
    elif options["breakdown"]:
        answer, parts = _broken_down(options, question)
    else:
        answer = ask(options, **question)
    about = f"Usage by {', '.join(by)}"
    print_answer("report", answer, options, lambda screen: report_lines(
        answer, screen, measures=titles, heading=heading_of(about, answer, options),
        empty=lambda: empty_text(answer, options),
    ), flat=parts)  # fmt: skip


def _compared(options: dict[str, Any], question: dict[str, Any], titles: Sequence[str]) -> Answer:
    from tokentrack.common.timestamps import now_us
    from tokentrack.reports.answer import METRICS
    from tokentrack.reports.comparison.compared_days import BEFORE, CHANGE, days_to_compare
    from tokentrack.reports.comparison.comparison import compare
    from tokentrack.reports.render.measures import MEASURES
    from tokentrack.reports.zones import Zone

    sort, now, filters = question["sort"], now_us(), filters_of(options)
    name = sort.removeprefix("-")
    metric = name if name in METRICS and name not in question["by"] else ""
    if not metric:
        metric = "credits" if "credits" in titles else MEASURES[titles[0]].metrics[0]
    zone = Zone(options["tz"])
    period = options["vs"]
    if period == BILLING:
        from tokentrack.cli.billing_words import month_before

        period = month_before()
    days, before = days_to_compare(filters["since"], filters["until"], period, zone, now)
    engine_sort = "" if name in {BEFORE, CHANGE} else sort
    metrics = list(dict.fromkeys([*question["metrics"], metric]))
    question = {**question, "metrics": metrics, "sort": engine_sort, "limit": 0}
    earlier = {**question, "since": before.since, "until": before.until}
    answer, then = ask_all(options, [question, earlier], now=now)
    compare(answer, then, metric, days, before, sort, options["limit"])
    return answer


def _broken_down(options: dict[str, Any], question: dict[str, Any]) -> tuple[Answer, Answer]:
    from tokentrack.reports.answer import METRICS
    from tokentrack.reports.comparison.breakdown import PART, break_down
    from tokentrack.reports.question import MOST_DIMENSIONS

    by = question["by"]
    if PART in by or len(by) == MOST_DIMENSIONS:
        raise click.UsageError(
            f"--breakdown adds {PART} as the last of {MOST_DIMENSIONS} dimensions: name at most "
            f"{MOST_DIMENSIONS - 1} others."
        )
    sort = question["sort"] if question["sort"].removeprefix("-") in METRICS else ""
    parts_question = {**question, "by": (*by, PART), "sort": sort or "credits", "limit": 0}
    answer, parts = ask_all(options, [question, parts_question])
    break_down(answer, parts)
    return answer, parts


def _with_cost(titles: tuple[str, ...]) -> tuple[str, ...]:
    after = titles.index("credits") + 1
    return (*titles[:after], "cost", *titles[after:])


def _titles(shown: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    if not shown:
        return usual
    titles = tuple([title.strip() for title in shown.split(",") if title.strip()])
    for title in titles or [shown]:
        if title not in _TITLES:
            raise ValidationError([f"unknown column {title[:60]!r}{meant(title, _TITLES)}"])
    return tuple(dict.fromkeys(titles))


def _sort(given: str, by: Sequence[str], *, is_compared: bool) -> str:
    from tokentrack.reports.answer import METRICS
    from tokentrack.reports.comparison.compared_days import BEFORE, CHANGE

    sign = "-" if given.startswith("-") else ""
    name = given.removeprefix("-")
    name = name if name in by else _METRICS.get(name, name)
    words = [*by, *_TITLES, *([BEFORE, CHANGE] if is_compared else [])]
    if name and name not in {*words, *METRICS}:
        raise ValidationError([f"can't sort by {name[:60]!r}{meant(name, words)}"])
    return sign + name


def _check_words(dimensions: Sequence[str]) -> None:
    # Words that other programs have, or that people try.
    for word in dimensions:
        if word in SPELLINGS:
            raise ValidationError([
                f"{word!r} is not a dimension: run `tokentrack {SPELLINGS[word]}`"
            ])  # fmt: skip
