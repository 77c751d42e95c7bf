"""The credits of a plan, its billing months, and for how many days what is left will last.

The prices of a plan are in `pricing.plan`. They are exact fractions, which take `statusline` longer
to load than all else that it does.
"""

from __future__ import annotations

from tokentrack.reports import calendar

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACES = 27  # credits are counted in units of 10^-27
# How many digits before and after the point need no closer look.
_DIGITS = {"credits": 9, "price": 6, "overage": 4}
_MOST_PLACES = 12
_LEAST_UNITS = 10 ** (_PLACES - 3)
_LAST_DAY = 31
SET = "set"
_SOURCES = ("credits_source", "billing_day_source")
_LONGEST_NAME = 60
# So many days are looked at for the pace; in fewer than the least there is none.
_DAYS, _LEAST_DAYS, _WEEK = 28, 7, 7
# So far back is looked for the first turn.
_DAYS_BACK = 62


class Allowance:
    """A plan without its prices.

    Attributes:
        name: what it is called.
        units: the credits of a billing month in units of 10^-27.
        billing_day: the day of the month on which the billing month begins.
        is_set: whether the user has set both, so that the account does not matter.
    """

    __slots__ = ("billing_day", "is_set", "name", "units")

    def __init__(self, name: str, units: int, billing_day: int, *, is_set: bool = True) -> None:
        self.name = name
        self.units = units
        self.billing_day = billing_day
        self.is_set = is_set


def plain_allowance(value: object) -> Allowance | None:
    """Return the allowance of a plan as `plan set` writes it, None for what needs a closer look."""
    if not isinstance(value, dict):
        return None
    is_set = all(value.get(name, SET) == SET for name in _SOURCES)
    name, day = value.get("name"), value.get("billing_day", 1)
    credits_, *others = [_plain_units(value.get(key), most) for key, most in _DIGITS.items()]
    if credits_ is None or credits_ < _LEAST_UNITS or None in others:
        return None
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        return None
    if type(day) is not int or not 0 < day <= _LAST_DAY:
        return None
    return Allowance(name, credits_, day, is_set=is_set)


def _plain_units(value: object, most_digits: int) -> int | None:
    if not isinstance(value, str):
        return None
    whole, _, part = value.partition(".")
    digits = whole + part
    if not (whole and digits.isascii() and digits.isdecimal()):
        return None
    if len(whole) > most_digits or len(part) > _MOST_PLACES:
        return None
    units: int = int(digits) * 10 ** (_PLACES - len(part))
    return units


def billing_month(day: int, billing_day: int) -> tuple[int, int]:
    """Return the first day of a day's billing month, and the first day after it.

    A month without the billing day begins on its last day.
    """
    month = calendar.month_of(day)
    if day < _begin(month, billing_day):
        month -= 1
    return _begin(month, billing_day), _begin(month + 1, billing_day)


def _begin(month: int, billing_day: int) -> int:
    first, following = calendar.first_day_of(month), calendar.first_day_of(month + 1)
    return min(first + billing_day - 1, following - 1)


def first_asked(first: int, today: int) -> int:
    """Return the first day whose credits the use of a plan depends on.

    Args:
        first: the first day of the billing month.
        today: the number of today.
    """
    return min(first, today - _DAYS_BACK)


def history(began: int, today: int) -> range | None:
    """Return the days before today that a pace is made from, None after less than a week.

    Args:
        began: the first day with credits.
        today: the number of today.
    """
    days = range(max(began, today - _DAYS), today)
    return days if len(days) >= _LEAST_DAYS else None


def days_left(days: Mapping[int, int], left: int, today: int) -> int | None:
    """Return for how many days after today credits last at the pace of the history.

    The pace is that of `projection`: each day takes the mean of its weekday, or of all days where
    the history is less than four weeks. So both say the same about the end of the month.

    Args:
        days: the credits of days by their numbers; a day that is missing had none.
        left: the credits that are left, in the same unit.
        today: the number of today.

    Returns:
        Whole days; None without a pace, or if no credits are left.
    """
    past = history(min(days, default=today), today)
    spent = sum([days.get(day, 0) for day in past or ()])
    if not past or spent <= 0 or left <= 0:
        return None
    if len(past) < _DAYS:
        return left * len(past) // spent
    weeks = _DAYS // _WEEK
    full, left = divmod(left * weeks, spent)
    count = full * _WEEK
    for at in range(today + 1, today + 1 + _WEEK):
        left -= sum([days.get(day, 0) for day in past if (at - day) % _WEEK == 0])
        if left < 0:
            break
        count += 1
    return count
