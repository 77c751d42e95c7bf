"""How many credits a billing month will take, and how sure that is."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.reports.allowance import history
from tokentrack.reports.calendar import weekday_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DAYS = 28
_WEEK = 7
# Student's t of an interval of 80 %, with 21 and with 6 degrees of freedom.
_T_OF_WEEKDAYS, _T_OF_FEW = 1.323, 1.440
WEEKDAYS = "credits so far + mean of the same weekdays of the last 28 days, for each day left"
FEW_DAYS = "credits so far + mean of the {} days since the first turn, for each day left"


class Projection(NamedTuple):
    """What a month will take.

    Attributes:
        credits: the expected credits of the whole month.
        low: the lower end of an interval of 80 %, at least what was used.
        high: its upper end.
        a_day: the mean credits of the days that it is based on.
        method: how it is made, in words.
    """

    credits: Decimal
    low: Decimal
    high: Decimal
    a_day: Decimal
    method: str


def project(days: Mapping[int, Decimal], first: int, today: int, end: int) -> Projection | None:
    """Return the projection of a month, None after less than a week of history.

    Args:
        days: the credits of days by their numbers; a day that is missing had none.
        first: the first day of the month.
        today: the number of today, whose credits so far are in `days`.
        end: the first day after the month.
    """
    past = history(min(days, default=today), today)
    if past is None:
        return None
    used = sum((days.get(day, Decimal(0)) for day in range(first, today + 1)), Decimal(0))
    values = [float(days.get(day, 0)) for day in past]
    left = range(today + 1, end)
    if len(past) == _DAYS:
        more, spread, method = (*_by_weekday(values, past, left), WEEKDAYS)
    else:
        more, spread, method = (*_by_mean(values, len(left)), FEW_DAYS.format(len(past)))
    return Projection(
        used + _rounded(more),
        used + _rounded(max(0, more - spread)),
        used + _rounded(more + spread),
        _rounded(sum(values) / len(values)),
        method,
    )


def _by_weekday(values: Sequence[float], past: range, left: range) -> tuple[float, float]:
    # The mean of the days that are left, and half of the interval: the spread of single days
    # around the means of their weekdays, and of these means.
    by_weekday: dict[int, list[float]] = {}
    for day, value in zip(past, values, strict=True):
        by_weekday.setdefault(weekday_of(day), []).append(value)
    means = {weekday: sum(found) / len(found) for weekday, found in by_weekday.items()}
    squares = sum((v - means[w]) ** 2 for w, found in by_weekday.items() for v in found)
    variance = squares / (_DAYS - _WEEK)
    counts = [sum(weekday_of(day) == weekday for day in left) for weekday in means]
    each = _DAYS // _WEEK
    doubt = len(left) + sum(count**2 for count in counts) / each
    return sum(means[weekday_of(day)] for day in left), _T_OF_WEEKDAYS * math.sqrt(variance * doubt)


def _by_mean(values: Sequence[float], left: int) -> tuple[float, float]:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    doubt = left + left**2 / len(values)
    return mean * left, _T_OF_FEW * math.sqrt(variance * doubt)


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value:.3f}")
