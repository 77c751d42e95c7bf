"""A report on a terminal: heading, table, total, and where its numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.reports.credit_texts import UNKNOWN
from tokentrack.reports.render.bars import bar
from tokentrack.reports.render.figures import share_text
from tokentrack.reports.render.measures import CURRENCY, MEASURES, OTHER_PRICES, Measure, compared
from tokentrack.reports.render.screen import shorten, width_of
from tokentrack.reports.render.table import Column, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.render.screen import Screen

_BAR_WIDTH = 18
_BAR = 9  # the bar goes first
_INDENT = "  "
_LABEL = 16  # the width that a label keeps before a column is dropped
_LEAST_PATH = 16  # of a path that is cut
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def report_lines(
    answer: Answer,
    screen: Screen,
    *,
    measures: Sequence[str],
    heading: Sequence[str],
    empty: Callable[[], str],
) -> list[str]:
    """Return the lines of a report.

    Args:
        answer: its rows, with the metrics that the measures need.
        screen: how wide it is, and what it can show.
        measures: the columns of numbers, by their titles.
        heading: what the report is about, in parts.
        empty: returns what to say instead where no turn was found.
    """
    lines = [*[screen.paint(line, "bold") for line in wrapped(heading, screen)], ""]
    earlier = answer.comparison.turns if answer.comparison else 0
    if not answer.total["turns"] and not earlier:
        return [*lines, *filled(empty(), screen), *gap_lines(answer, screen)]
    known = MEASURES | OTHER_PRICES
    lines += _table(answer, screen, [known[name] for name in measures])
    if answer.more_rows:
        lines.append(f"{counted(answer.more_rows, 'more row')}: -n 0 shows all")
    lines.append("")
    is_marked = bool(answer.total.get("tokens_unknown"))
    footer = provenance_lines(answer, screen, is_basis_unknown=is_marked)
    return lines + [screen.paint(line, "dim") for line in footer]


def _table(answer: Answer, screen: Screen, measures: Sequence[Measure]) -> list[str]:
    names = answer.query.by
    if answer.comparison is not None:
        measures = compared(measures, answer.comparison.metric)
    columns = [
        Column(name, in_the_middle=name in {"pattern", "message"}, keep=16) for name in names
    ]
    columns += [Column(m.title, is_number=True, drop=m.drop) for m in measures]
    columns.append(Column("", is_number=True, drop=_BAR))

    def numbers(row: Mapping[str, Any]) -> list[str]:
        shown = {**row, CURRENCY: answer.currency}
        return [screen.plain(m.text(shown)) for m in measures]

    rows, colours = [], []
    for row, share in zip(answer.rows, _shares(answer), strict=True):
        labels = [_label(name, row[name], screen) for name in names]
        drawn = bar(share, _BAR_WIDTH, is_ascii=screen.is_ascii)
        rows.append([*labels, *numbers(row), drawn.ljust(_BAR_WIDTH)])
        parts = row.get("breakdown", ())
        for part in parts:
            model = _INDENT + _label("model", part["model"], screen)
            rows.append([model, *[""] * (len(names) - 1), *numbers(part), ""])
        colours += ["", *["dim"] * len(parts)]
    total = ["total", *[""] * (len(names) - 1), *numbers(answer.total), ""]
    return table(columns, rows, screen, total=total, colours=colours)


def _shares(answer: Answer) -> list[float]:
    credits_ = [float(row.get("credits") or 0) for row in answer.rows]
    most = max(credits_, default=0)
    return [value / most if most else 0 for value in credits_]


def _label(name: str, value: Any, screen: Screen) -> str:
    if value is None:
        return screen.plain(UNKNOWN)
    if name == "weekday":
        return _WEEKDAYS[value - 1]
    if name == "hour":
        return f"{value:02}:00"
    if name == "failed":
        return "failed" if value else "ok"
    return escape(str(value)) or screen.plain(UNKNOWN)


def gap_lines(answer: Answer, screen: Screen) -> list[str]:
    """Return where an answer without turns comes from, if something could not be read."""
    if not answer.unreadable and not answer.provenance["skipped"]:
        return []
    return ["", *[screen.paint(line, "dim") for line in provenance_lines(answer, screen)]]


def provenance_lines(
    answer: Answer, screen: Screen, *, is_basis_unknown: bool = False
) -> list[str]:
    """Return where the numbers come from, in as few lines as the width allows.

    Args:
        answer: the answer.
        screen: how wide it is, and what it can show.
        is_basis_unknown: whether tokens are shown of which it is unknown if they are estimated.
    """
    found = answer.provenance
    reported, unknown = found["credits"]["reported"], found["credits"]["unknown"]
    credits_ = []
    if reported + unknown:  # tracked requests have no credits
        share = share_text(reported, reported + unknown)
        credits_ = [f"credits reported by Kiro for {share}", f"{unknown:,} still unknown"]
    parts = [
        counted(answer.total["turns"], "turn"),
        *credits_,
        _tokens_part(found["tokens"]),
        "?: tokens of unknown origin" if is_basis_unknown else "",
        _skipped_part(len(found["skipped"])),
    ]
    if found["unpriced_turns"]:
        parts.append(f"{counted(found['unpriced_turns'], 'turn')} without a price")
    if found["before_reset"]:
        before = counted(found["before_reset"], "request")
        parts.append(f"{before} before a reset of the session, only in the total")
    lines = wrapped([part for part in parts if part], screen)
    for path, why in answer.unreadable.items():
        name, reason = screen.plain(escape(path)), f" ({escape(why)})"
        room = screen.width - len("not counted: ") - width_of(reason)
        if room < _LEAST_PATH:
            lines += filled(f"not counted: {name}{reason}", screen)
        else:
            name = shorten(name, room, in_the_middle=True, mark=screen.plain("…"))
            lines.append(f"not counted: {name}{reason}")
    return lines


def _skipped_part(number: int) -> str:
    return f"{counted(number, 'row')} skipped" + (" (--json lists them)" if number else "")


def _tokens_part(tokens: Mapping[str, int]) -> str:
    if not tokens["estimated"]:
        return ""
    if not tokens["reported"]:
        return "tokens estimated (none were reported)"
    share = share_text(tokens["estimated"], sum(tokens.values()))
    return f"tokens estimated for {share}"


def filled(text: str, screen: Screen) -> list[str]:
    """Return a sentence in lines that fit."""
    import textwrap  # few reports need it

    return textwrap.wrap(screen.plain(text), screen.width, break_on_hyphens=False)


def wrapped(parts: Sequence[str], screen: Screen) -> list[str]:
    """Return parts joined by dots, in as few lines as the width allows."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and len(joined) <= screen.width:
            lines[-1] = joined
        else:
            lines.append(part)
    mark = screen.plain("…")
    return [shorten(screen.plain(line), screen.width, mark=mark) for line in lines]
