"""A report next to the same report of another time: `before` and `change` in each row."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.reports import calendar
from tokentrack.reports.answer import TOKEN_BASES
from tokentrack.reports.comparison.compared_days import BEFORE, CHANGE, Comparison, before_of
from tokentrack.reports.exact import difference, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.comparison.compared_days import Days

_PLACES = 6  # of seconds and of tokens per second
# What a row without turns has; other metrics are unknown there.
_NOTHING: dict[str, Any] = {
    "turns": 0, "credits": "0", "credits_unknown": 0, "tokens": 0, "seconds": 0.0, "failed": 0,
    "credits_failed": "0", "cost": "0", "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0,
}  # fmt: skip


def compare(
    answer: Answer, earlier: Answer, metric: str, days: Days, before: Days, sort: str, limit: int
) -> None:
    """Add to the rows of an answer what they were, and rows for what was only then.

    Dates are compared by their place in the two periods: the first day with the first.

    Args:
        answer: the answer, with all rows.
        earlier: the answer about the days before, with all rows.
        metric: the metric that is compared.
        days: the days of the answer.
        before: the days of the other one.
        sort: a dimension, a metric, `before` or `change`, with `-` in front to reverse it.
        limit: how many rows; 0 for all.
    """
    by, metrics = answer.query.by, answer.query.metrics
    shifted = [_shift(name, days, before) for name in by]
    then: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in earlier.rows:
        then[tuple(move(row[name]) for name, move in zip(by, shifted, strict=True))] = row
    rows = []
    for row in answer.rows:
        was = then.pop(tuple(row[name] for name in by), None)
        rows.append(_with_change(row, metric, _NOTHING if was is None else was))
    for key, was in then.items():
        labels = dict(zip(by, key, strict=True))
        nothing = {name: _NOTHING.get(name) for name in metrics if name not in labels}
        rows.append(_with_change(nothing | labels, metric, was))
    _sort(rows, by, sort, metric)
    answer.more_rows = max(0, len(rows) - limit) if limit else 0
    answer.rows = rows[:limit] if limit else rows
    answer.total = _with_change(answer.total, metric, earlier.total)
    answer.comparison = Comparison(
        metric, days, before, earlier.since, earlier.until, earlier.total["turns"]
    )


def _with_change(row: dict[str, Any], metric: str, then: dict[str, Any]) -> dict[str, Any]:
    was = then.get(metric)
    bases = {before_of(name): then.get(name) for name in TOKEN_BASES if name in row}
    return row | {BEFORE: was, CHANGE: _difference(row[metric], was)} | bases


def _difference(value: Any, was: Any) -> Any:
    if value is None or was is None:
        return None
    if isinstance(value, str):
        return plain_text(difference(value, was))
    return round(value - was, _PLACES) if isinstance(value, float) else value - was


def _shift(name: str, days: Days, before: Days) -> Callable[[Any], Any]:
    # Moves the label of a time before to the one that it is compared with, unless that is outside.
    if name not in _TIMES:
        return lambda label: label
    number_of, label_of, of_label = _TIMES[name]
    steps = number_of(days.first) - number_of(before.first)
    most = number_of(days.last)

    def move(label: str) -> str:
        moved = of_label(label) + steps
        return label if moved > most else label_of(moved)

    return move


def _day(label: str) -> int:
    return calendar.day_number(*map(int, label.split("-")))


def _week(label: str) -> int:
    year, _, week = label.partition("-W")
    # The week of 4 January is the first one.
    return calendar.week_of(calendar.day_number(int(year), 1, 4)) + int(week) - 1


def _month(label: str) -> int:
    return calendar.month_of(_day(f"{label}-01"))


# By dimension: the number of a day's, the label of a number, and the number of a label.
_TIMES: dict[str, tuple[Callable[[int], int], Callable[[int], str], Callable[[str], int]]] = {
    "day": (lambda day: day, calendar.day_name, _day),
    "week": (calendar.week_of, calendar.week_name, _week),
    "month": (calendar.month_of, calendar.month_name, _month),
}


def _sort(rows: list[dict[str, Any]], by: Sequence[str], sort: str, metric: str) -> None:
    name, is_reversed = sort.removeprefix("-"), sort.startswith("-")
    is_time = bool(by) and by[0] in {*_TIMES, "hour", "weekday"}
    name = name or (by[0] if is_time else metric)
    rows.sort(key=lambda row: [_order(row[label]) for label in by])
    if name in by:
        rows.sort(key=lambda row: _order(row[name])[1:], reverse=is_reversed)
    else:
        rows.sort(key=lambda row: _number(row[BEFORE]), reverse=not is_reversed)
        rows.sort(key=lambda row: _number(row[name]), reverse=not is_reversed)
    rows.sort(key=lambda row: row[name] is None)


def _order(value: Any) -> tuple[bool, Any]:
    return value is None, "" if value is None else value


def _number(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(value)
