"""The overview on a terminal."""

from __future__ import annotations

import textwrap
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.reports.credit_texts import UNKNOWN, credits_text
from tokentrack.reports.exact import plain_text, sum_of
from tokentrack.reports.render.bars import bar, sparkline
from tokentrack.reports.render.dates import days_text
from tokentrack.reports.render.figures import cost_text, share_text, time_text
from tokentrack.reports.render.plan_use import INDENT, LABEL, plan_lines
from tokentrack.reports.render.report import provenance_lines, wrapped
from tokentrack.reports.render.screen import pad, shorten, width_of
from tokentrack.reports.render.turns import local_time
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.overview import Compared, Overview
    from tokentrack.reports.render.screen import Screen

_GAP = "  "
_TOP = 3
_RECONCILE = "Run `tokentrack reconcile` to add what Kiro has written since."
_LONGEST_NAME, _LONGEST_PLACE = 32, 16
_LONGEST_BAR, _SHORTEST_BAR = 34, 8


class _Line(NamedTuple):
    # A line of numbers: its label, its cells, and a note in their place.
    label: str
    cells: Sequence[str] = ()
    note: str = ""


class _Row(NamedTuple):
    # A row of a list of the largest: its texts, its share of all credits, and the bar's length.
    name: str
    amount: str
    percent: str
    share: float
    length: float = 0


class _Top(NamedTuple):
    title: str
    rows: list[_Row]


def overview_lines(found: Overview, screen: Screen, *, heading: Sequence[str]) -> list[str]:
    """Return the lines of an overview whose period has turns.

    Args:
        found: the overview.
        screen: how wide it is, and what it can show.
        heading: what it is about, in parts.
    """
    lines = [screen.paint(line, "bold") for line in wrapped(heading, screen)]
    lines += ["", *_numbers(found, screen)]
    if found.plan is not None:
        lines += plan_lines(found.plan, screen)
    lines += [*_daily(found, screen), ""]
    tops = [
        _top("workspace", found.workspaces, screen),
        _top("model", found.models, screen),
    ]
    name = max([width_of(row.name) for top in tops for row in top.rows])
    for top in tops:
        lines += [*_top_lines(top, name, screen), ""]
    if found.most_expensive:
        lines += [*_most_expensive(found, screen), ""]
    for text, colour in _notes(found):
        lines += [screen.paint(line, colour) for line in _filled(screen.plain(text), screen)]
    if lines[-1]:
        lines.append("")
    rates = found.period.query.rates
    basis = ["`tokentrack plan set` adds costs"]
    if rates is not None:
        basis = [*found.period.cost_basis, rates.plan.origin]
    basis = [escape(text) for text in basis if text]
    lines += [screen.paint(line, "dim") for line in wrapped(basis, screen)]
    return lines + [screen.paint(line, "dim") for line in provenance_lines(found.period, screen)]


def empty_lines(
    found: Overview, screen: Screen, *, heading: Sequence[str], steps: Sequence[str]
) -> list[str]:
    """Return the lines of an overview without turns: what to do next, and no zeros."""
    lines = [screen.paint(line, "bold") for line in wrapped(heading, screen)]
    for step in steps:
        lines += ["", *_filled(step, screen)]
    if found.period.unreadable or found.period.provenance["skipped"]:
        lines += ["", *provenance_lines(found.period, screen)]
    return lines


def _numbers(found: Overview, screen: Screen) -> list[str]:
    lines = []
    has_credits = any(map(_has_credits, [found.period, *([found.today] if found.today else [])]))
    if found.today is not None:
        total = found.today.total
        if total["turns"]:
            lines.append(_Line("Today", _cells(total, found.today.currency, has_credits)))
        else:
            note = f"no turn since midnight ({found.today.tz})"
            if len(INDENT) + LABEL + len(note) > screen.width:
                note = "no turn since midnight"
            lines.append(_Line("Today", note=note))
    period = found.period
    lines.append(_Line(_period(found), _cells(period.total, period.currency, has_credits)))
    return _aligned(lines, screen)


def _period(found: Overview) -> str:
    return "Billing month" if found.is_billing else "This month" if found.is_usual else "Period"


def _has_credits(answer: Answer) -> bool:
    # Tracked requests have none.
    return any(answer.provenance["credits"].values())


def _cells(total: Mapping[str, Any], currency: str, has_credits: bool) -> list[str]:
    cost = [cost_text(total["cost"], currency)] if "cost" in total else []
    credits_ = [f"{credits_text(total['credits'])} credits"] if has_credits else []
    return [
        *credits_,
        *cost,
        counted(total["turns"], "turn"),
        time_text(total["seconds"]),
    ]


def _aligned(lines: Sequence[_Line], screen: Screen) -> list[str]:
    # As many columns as fit, the first ones.
    columns = list(zip(*[line.cells for line in lines if line.cells], strict=True))
    widths = [max(width_of(cell) for cell in column) for column in columns]
    room = screen.width - len(INDENT) - LABEL
    while len(widths) > 1 and sum(widths) + 3 * (len(widths) - 1) > room:
        widths.pop()
    texts = []
    for label, cells, note in lines:
        parts = [
            pad(cell, width, is_number=True) for cell, width in zip(cells, widths, strict=False)
        ]
        text = f"{INDENT}{pad(label, LABEL)}{note or '   '.join(parts)}"
        texts.append(shorten(screen.plain(text), screen.width, mark=screen.plain("…")))
    return texts


def _daily(found: Overview, screen: Screen) -> list[str]:
    days = found.days()
    room = screen.width - len(INDENT) - LABEL
    if len(days) < 2:
        return []
    label = "Daily" if len(days) <= room else f"Last {room} days"
    text = f"{INDENT}{pad(label, LABEL)}{sparkline(days[-room:], is_ascii=screen.is_ascii)}"
    change = _change(found.compared) if found.compared else ""
    if not change:
        return [text]
    change = screen.plain(change)
    if len(days) > room:  # the change is not that of the days that are drawn
        return [text, shorten(f"{INDENT}{pad(_period(found), LABEL)}{change}", screen.width)]
    if width_of(text) + 3 + width_of(change) <= screen.width:
        return [f"{text}   {change}"]
    return [text, shorten(" " * (len(INDENT) + LABEL) + change, screen.width)]


def _change(compared: Compared) -> str:
    if compared.change is None:
        return ""
    percent = f"{float(compared.change) * 100:+,.0f} %"
    return f"{percent} vs {days_text(compared.first, compared.last)}"


def _top(title: str, answer: Answer, screen: Screen) -> _Top:
    whole = Decimal(answer.total["credits"] or 0)
    rows = [_row(_name(row[title], screen), row["credits"], whole) for row in answer.rows[:_TOP]]
    most = max((row.share for row in rows), default=0) or 1
    rows = [row._replace(length=row.share / most) for row in rows]
    rest = answer.rows[_TOP:]
    if rest:
        known = [row["credits"] for row in rest if row["credits"] is not None]
        amount = plain_text(sum_of(known)) if known else None
        rows.append(_row(f"{len(rest):,} more", amount, whole))
    return _Top(f"By {title}", rows)


def _row(name: str, amount: str | None, whole: Decimal) -> _Row:
    share = float(Decimal(amount or 0) / whole) if whole else 0
    percent = UNKNOWN if amount is None else share_text(share, int(whole > 0), 0)
    return _Row(name, credits_text(amount), percent, share)


def _top_lines(top: _Top, name: int, screen: Screen) -> list[str]:
    wide = max(len("credits"), *[len(row.amount) for row in top.rows])
    fixed = 2 * len(INDENT) + len(_GAP) + wide + len(_GAP) + len("share")
    name = min(max(name, len(top.title)), _LONGEST_NAME, screen.width - fixed)
    room = min(_LONGEST_BAR, screen.width - fixed - name - len(_GAP))
    title = pad(top.title, name + len(INDENT))
    lines = [f"{INDENT}{title}{_GAP}{'credits':>{wide}}{_GAP}share"]
    for row in top.rows:
        shown = shorten(row.name, name, in_the_middle=True, mark=screen.plain("…"))
        cells = screen.plain(f"{row.amount:>{wide}}{_GAP}{row.percent:>5}")
        drawn = ""
        if room >= _SHORTEST_BAR:
            drawn = bar(row.length, room, is_ascii=screen.is_ascii)
        lines.append(f"{INDENT * 2}{pad(shown, name)}{_GAP}{cells}{_GAP}{drawn}".rstrip())
    return lines


def _name(value: str | None, screen: Screen) -> str:
    return escape(value) if value else screen.plain(UNKNOWN)


def _most_expensive(found: Overview, screen: Screen) -> list[str]:
    lines = [f"{INDENT}Most expensive today"]
    zone = Zone(found.period.query.tz)
    rows = found.most_expensive
    amounts = [credits_text(row["credits"], 2) for row in rows]
    names = [
        shorten(_name(row["workspace"], screen), _LONGEST_PLACE, mark=screen.plain("…"))
        for row in rows
    ]
    wide, name = max(map(len, amounts)), max(map(width_of, names))
    for row, amount, place in zip(rows, amounts, names, strict=True):
        cells = [f"{amount:>{wide}}", local_time(row["when"], zone)[-5:], pad(place, name)]
        prompt = escape((row["prompt"] or "")[: screen.width]) or UNKNOWN
        line = f"{INDENT * 2}{_GAP.join([*cells, prompt])}"
        lines.append(shorten(screen.plain(line), screen.width, mark=screen.plain("…")).rstrip())
    return lines


def _notes(found: Overview) -> Iterator[tuple[str, str]]:
    total = found.period.total
    if total["failed"]:
        share = share_text(total["failed"], total["turns"])
        spent = total["credits_failed"]
        cost = "their credits are unknown"
        if spent is not None:
            cost = f"{credits_text(spent)} credits spent on them"
        yield f"{pad('Failed turns', LABEL)}{total['failed']:,} ({share}), {cost}", "red"
    if found.others:
        were = "turn of another user is" if found.others == 1 else "turns of other users are"
        yield f"{found.others:,} {were} left out; `tokentrack report user` shows all users", ""
    waiting = total["credits_unknown"] if total["credits"] is None else 0
    where = ""
    if not waiting and found.today is not None:
        waiting, where = found.today.total["credits_unknown"], " today"
    if waiting:
        yield f"Credits of {counted(waiting, 'turn')}{where} are pending. {_RECONCILE}", ""


def _filled(text: str, screen: Screen) -> list[str]:
    return textwrap.wrap(
        text,
        screen.width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
    )
