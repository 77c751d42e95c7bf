"""The dimensions that answers are grouped and filtered by, and where the index has them."""

from __future__ import annotations

from tokentrack.common.suggestions import meant
from tokentrack.errors import ValidationError
from tokentrack.reports import calendar

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

TIME, KIND, USAGE, TURN, LIST = "time", "kind", "usage", "turn", "list"
TAG_KEY = "tag:"


class Dimension:
    """One way to group turns.

    Attributes:
        name: its name, which is its key in a row.
        source: `time`; `kind` and `usage` for what the kinds of a turn tell; `turn` for what only
            the turn has; `list` for lists, of which a turn belongs to each item.
        column: the expression of its number, in terms of the turn `t` and its kinds `l` and `u`.
    """

    __slots__ = ("column", "name", "source")

    def __init__(self, name: str, source: str, column: str) -> None:
        self.name = name
        self.source = source
        self.column = column

    @property
    def is_of_turns(self) -> bool:
        """Whether no total has it."""
        return self.source in {TURN, LIST} or self.name == "hour"


_DIMENSIONS = {
    name: Dimension(name, source, column)
    for name, source, column in (
        ("hour", TIME, ""),
        ("day", TIME, ""),
        ("week", TIME, ""),
        ("month", TIME, ""),
        ("weekday", TIME, ""),
        ("workspace", KIND, "l.workspace"),
        ("session", TURN, "ifnull(t.session, t.usage_session)"),
        ("trigger", KIND, "l.trigger"),
        ("hook", KIND, "l.hook"),
        ("pattern", LIST, "t.patterns"),
        ("model", USAGE, "u.model"),
        ("surface", USAGE, "u.surface"),
        ("tag", LIST, "t.tags"),
        ("user", USAGE, "u.user"),
        ("machine", USAGE, "u.machine"),
        ("failed", KIND, "ifnull(t.kind, 0) & 1"),
        ("message", TURN, "t.message"),
    )
}
NAMES = (*_DIMENSIONS, f"{TAG_KEY}KEY")
# From an hour, or from the number of a day.
_TIME_NAMES: dict[str, Callable[[int], Any]] = {
    "hour": int,
    "day": calendar.day_name,
    "week": lambda day: calendar.week_name(calendar.week_of(day)),
    "month": lambda day: calendar.month_name(calendar.month_of(day)),
    "weekday": calendar.weekday_of,
}
FILTER_NAMES = tuple([name for name in NAMES if name not in _TIME_NAMES])


def find(name: str) -> Dimension:
    """Return a dimension by its name; `tag:KEY` is one for each key.

    Raises:
        ValidationError: there is no such dimension.
    """
    if name.startswith(TAG_KEY) and name != TAG_KEY:
        return Dimension(name, LIST, "t.tags")
    if name not in _DIMENSIONS:
        raise ValidationError([f"unknown dimension {name[:60]!r}{meant(name, NAMES)}"])
    return _DIMENSIONS[name]


def find_filter(name: str) -> Dimension:
    """Return a dimension that turns can be filtered by.

    Raises:
        ValidationError: there is no such filter.
    """
    if name in _TIME_NAMES or (name not in _DIMENSIONS and not name.startswith(TAG_KEY)):
        raise ValidationError([f"unknown filter {name[:60]!r}{meant(name, FILTER_NAMES)}"])
    return find(name)


def labels(dimension: Dimension, value: Any) -> Sequence[Any]:
    """Return the labels of a number or a word of the index; None is unknown.

    Args:
        dimension: what the value is of.
        value: an hour or the number of a day, 0 or 1 for `failed`, else the text or None.
    """
    if dimension.source == TIME:
        return [_TIME_NAMES[dimension.name](value)]
    if dimension.name == "failed":
        return [bool(value)]
    if value is None or dimension.source != LIST:
        return [value]
    return items(dimension, value) or [None]


def items(dimension: Dimension, text: str) -> list[str]:
    """Return the different items of a list: its patterns, its tags, or the values of one tag."""
    from tokentrack.models.columns import split_list

    found = list(dict.fromkeys(split_list(text)))
    if not dimension.name.startswith(TAG_KEY):
        return found
    wanted = dimension.name.removeprefix(TAG_KEY)
    pairs = [item.partition("=") for item in found]
    return list(dict.fromkeys([value for key, _, value in pairs if key == wanted]))


def accepts(dimension: Dimension, text: str, wanted: Sequence[str]) -> bool:
    """Tell whether a list has one of the wanted items; "" stands for none at all.

    A tag may be named by its key alone.
    """
    found = set(items(dimension, text)) or {""}
    if dimension.name == "tag":
        found |= {item.partition("=")[0] for item in found}
    return not found.isdisjoint(wanted)
