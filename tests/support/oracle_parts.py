"""What a report next to another time, and one by model within its rows, must say.

Built from the rows of `support.oracle`, with dates of `datetime`.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import localcontext
from typing import TYPE_CHECKING, Any

from support import oracle
from support.oracle_files import EXACT

if TYPE_CHECKING:
    from support.oracle import Executions

NOTHING = {"turns": 0, "credits": 0, "tokens": 0, "micros": 0, "failed": 0, "credits_failed": 0}


def compared(
    found: Executions,
    by: list[str],
    metric: str,
    now: tuple[date, date],
    then: tuple[date, date],
    zone: str,
) -> dict[tuple, tuple[Any, Any, Any]]:
    """Return by the labels of each row its metric, what it was, and the difference."""
    rows, earlier = (
        oracle.report(found, by, {}, ("day", first), ("day", last), zone)
        for first, last in (now, then)
    )  # fmt: skip
    before = {
        tuple(
            moved(label, name, now, then[0]) for label, name in zip(key, by, strict=True)
        ) if key != ("total",) else key: row
        for key, row in earlier.items()
    }  # fmt: skip
    result = {}
    for key in {*rows, *before}:
        value, was = (value_of(group.get(key), metric) for group in (rows, before))
        with localcontext(EXACT):
            result[key] = (value, was, None if value is None or was is None else value - was)
    return result


def value_of(row: dict[str, Any] | None, metric: str) -> Any:
    if row is None or not row["turns"]:
        return NOTHING[metric]
    if metric == "credits_failed" and not row["failed"]:
        return 0
    return row[metric]


def moved(label: Any, name: str, now: tuple[date, date], first: date) -> Any:
    """Return the day, week or month at the same place in the later period, if it has one."""
    if name == "day":
        day = date.fromisoformat(label) + (now[0] - first)
        return label if day > now[1] else day.isoformat()
    if name == "week":
        weeks = (monday(now[0]) - monday(first)).days // 7
        year, week = label.split("-W")
        week_day = date.fromisocalendar(int(year), int(week), 1) + timedelta(weeks=weeks)
        if week_day > now[1]:
            return label
        year, week, _ = week_day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    if name == "month":
        year, month = (int(part) for part in label.split("-"))
        steps = (now[0].year - first.year) * 12 + now[0].month - first.month
        year, month = divmod(year * 12 + month - 1 + steps, 12)
        return label if (year, month + 1) > (now[1].year, now[1].month) else (
            f"{year:04d}-{month + 1:02d}"
        )  # fmt: skip
    return label


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
