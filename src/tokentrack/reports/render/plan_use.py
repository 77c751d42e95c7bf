"""The use of the plan in the overview on a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.reports.credit_texts import credits_text
from tokentrack.reports.render.bars import gauge
from tokentrack.reports.render.dates import days_text
from tokentrack.reports.render.figures import cost_text
from tokentrack.reports.render.screen import pad, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.reports.plan_use import PlanUse
    from tokentrack.reports.render.screen import Screen

INDENT = "  "
LABEL = 14  # the width of what the first lines are called
_LONGEST_BAR = 34
_NEARLY = 0.75  # of the plan, which is a warning


def plan_lines(use: PlanUse, screen: Screen) -> list[str]:
    """Return the lines on the use of a plan: a bar, what is left, and the projection."""
    plan, share = use.rates.plan, use.share
    room = min(_LONGEST_BAR, screen.width - len(INDENT) - LABEL - len("100 %  []"))
    drawn = gauge(share, room, is_ascii=screen.is_ascii)
    colour = "red" if share >= 1 else "yellow" if share >= _NEARLY else ""
    name = shorten(f"Plan {escape(plan.name)}", LABEL - 1, mark="~")
    bar_ = f"{INDENT}{pad(name, LABEL)}{share * 100:,.0f} %  {drawn}"
    lines = [screen.paint(shorten(bar_, screen.width), colour)]
    for label, text in _plan_texts(use):
        first = f"{INDENT}{pad(label, LABEL)}"
        lines += textwrap.wrap(
            screen.plain(text), screen.width, initial_indent=first,
            subsequent_indent=" " * len(first), break_on_hyphens=False,
        )  # fmt: skip
    return lines


def _plan_texts(use: PlanUse) -> Iterator[tuple[str, str]]:
    plan = use.rates.plan
    left, end = abs(use.left), days_text(use.end, use.end)
    amount = credits_text(format(left, "f"))
    if use.left < 0:
        yield "Beyond plan", f"{amount} credits; the plan renews on {end}"
    else:
        of = credits_text(format(plan.credits, "f"), 0)
        text = f"{amount} of {of} credits until {end}"
        if use.days_left is not None and use.days_left < use.days_to_go:
            days = counted(use.days_left, "day") if use.days_left else "less than a day"
            text += f", at this pace for {days}"
        elif use.days_left is not None:
            text += ", enough at this pace"
        yield "Left", text
    projection = use.projection
    if projection is None:
        return
    low, expected, high = (
        credits_text(format(value, "f"), 0)
        for value in (projection.low, projection.credits, projection.high)
    )
    text = f"{expected} credits by {end} (80 % sure: {low}–{high})"
    if use.beyond:
        beyond = credits_text(format(use.beyond, "f"), 0)
        text += f", {beyond} beyond the plan for {cost_text(use.beyond_cost, plan.currency.code)}"
    yield "Projected", text
