"""A report on a terminal: heading, table, total, and where its numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.reports.render.bars import bar
from tokentrack.reports.render.credit_texts import UNKNOWN, credits_text
from tokentrack.reports.render.figures import (
    cost_text,
    count_text,
    rate_text,
    share_text,
    time_text,
    tokens_text,
)
from tokentrack.reports.render.screen import shorten
from tokentrack.reports.render.table import Column, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.render.screen import Screen

_BAR_WIDTH = 18
_PLACES = {"credits_per_turn": 2}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Measure(NamedTuple):
    """A column of numbers: what `--show` calls it, which metrics it needs, when it is dropped."""

    title: str
    metrics: tuple[str, ...]
    drop: int
    text: Callable[[Mapping[str, Any], bool], str]


def _failed(row: Mapping[str, Any], _: bool) -> str:
    return share_text(row["failed"], row["turns"])


def _rate(row: Mapping[str, Any], estimated: bool) -> str:
    return rate_text(row["tokens_per_second"], is_estimated=estimated)


def _credits_of(metric: str) -> Callable[[Mapping[str, Any], bool], str]:
    return lambda row, _: credits_text(row[metric], _PLACES.get(metric, 1))


# In the order in which they are shown. The highest number is dropped first.
MEASURES = {
    measure.title: measure
    for measure in (
        Measure("turns", ("turns",), 0, lambda row, _: count_text(row["turns"])),
        Measure("credits", ("credits",), 0, _credits_of("credits")),
        Measure("cost", ("cost",), 1, lambda row, _: cost_text(row["cost"])),
        Measure(
            "tokens", ("tokens",), 2,
            lambda row, estimated: tokens_text(row["tokens"], is_estimated=estimated),
        ),
        Measure("time", ("seconds",), 3, lambda row, _: time_text(row["seconds"])),
        Measure("failed", ("failed", "turns"), 1, _failed),
        Measure("wasted", ("credits_failed",), 4, _credits_of("credits_failed")),
        Measure("rate", ("tokens_per_second",), 4, _rate),
        Measure("cr/turn", ("credits_per_turn",), 5, _credits_of("credits_per_turn")),
    )
}  # fmt: skip
USUAL = ("turns", "credits", "tokens", "time", "failed", "wasted", "cr/turn")
_BAR = 6  # the bar goes first


def report_lines(
    answer: Answer, screen: Screen, *, measures: Sequence[str], heading: Sequence[str], empty: str
) -> list[str]:
    """Return the lines of a report.

    Args:
        answer: its rows, with the metrics that the measures need.
        screen: how wide it is, and what it can show.
        measures: the columns of numbers, by their titles.
        heading: what the report is about, in parts.
        empty: what to say instead where no turn was found.
    """
    lines = [*[screen.paint(line, "bold") for line in wrapped(heading, screen)], ""]
    if not answer.total["turns"]:
        return [*lines, empty]
    lines += _table(answer, screen, [MEASURES[name] for name in measures])
    if answer.more_rows:
        lines.append(f"{counted(answer.more_rows, 'more row')}: use -n 0 to see them all")
    lines.append("")
    lines += [screen.paint(line, "dim") for line in provenance_lines(answer, screen)]
    return lines


def _table(answer: Answer, screen: Screen, measures: Sequence[Measure]) -> list[str]:
    estimated = answer.provenance["tokens"]["estimated"] > 0
    names = answer.query.by
    columns = [Column(name, in_the_middle=name in {"pattern", "message"}) for name in names]
    columns += [Column(m.title, is_number=True, drop=m.drop) for m in measures]
    shares = _shares(answer)
    columns.append(Column("", is_number=True, drop=_BAR))

    def cells(row: Mapping[str, Any], share: float) -> list[str]:
        labels = [_label(name, row[name], screen) for name in names]
        numbers = [screen.plain(m.text(row, estimated)) for m in measures]
        drawn = bar(share, _BAR_WIDTH, is_ascii=screen.is_ascii)
        return [*labels, *numbers, drawn.ljust(_BAR_WIDTH)]

    rows = [cells(row, share) for row, share in zip(answer.rows, shares, strict=True)]
    total = ["total", *[""] * (len(names) - 1)]
    total += [screen.plain(m.text(answer.total, estimated)) for m in measures]
    return table(columns, rows, screen, total=[*total, ""])


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


def provenance_lines(answer: Answer, screen: Screen) -> list[str]:
    """Return where the numbers come from, in as few lines as the width allows."""
    found = answer.provenance
    reported, unknown = found["credits"]["reported"], found["credits"]["unknown"]
    parts = [
        counted(answer.total["turns"], "turn"),
        f"credits reported by Kiro for {share_text(reported, reported + unknown)}",
        f"{unknown:,} still unknown",
        _tokens_part(found["tokens"]),
        f"{counted(len(found['skipped']), 'row')} skipped",
    ]
    parts += [f"not read: {escape(path)} ({why})" for path, why in answer.unreadable.items()]
    return wrapped([part for part in parts if part], screen)


def _tokens_part(tokens: Mapping[str, int]) -> str:
    if not tokens["estimated"]:
        return ""
    if not tokens["reported"]:
        return "tokens estimated (none were reported)"
    share = share_text(tokens["estimated"], sum(tokens.values()))
    return f"tokens estimated for {share}"


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
