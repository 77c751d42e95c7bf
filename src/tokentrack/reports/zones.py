"""A time zone as the steps of its offset from UTC, so that SQL finds local days and hours.

From 1970 to 2100 the offset is asked for every third day, and a change between two answers is
looked for by halves: no zone of the time zone database changes twice within six days. Times
outside of these years are asked for one by one.
"""

from __future__ import annotations

import os
import time

from tokentrack.errors import ValidationError

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

SECOND = 1_000_000
DAY = 86_400 * SECOND
# From midnight of day 0 (see `calendar`) to 1970.
_BEFORE_1970 = 719_163 * DAY
_FIRST, _LAST = 0, 4_102_444_800 * SECOND  # 1970 to 2100
_PROBED = 3 * DAY


# The time since when an offset from UTC is in force, and the offset, both in microseconds.
Step = tuple[int, int]


class Zone:
    """A time zone: the system's, one of the time zone database, or one that a program gives.

    Attributes:
        name: its name in the database; what the system calls its own, or "local".
        is_system: whether it is the system's.
    """

    def __init__(self, zone: str | tzinfo | None = None) -> None:
        """Find a zone by its name, or take one that is given; for None, the system's.

        Raises:
            ValidationError: there is no such zone.
        """
        self.is_system = zone is None
        self.name = _system_name() if zone is None else str(zone)
        self._offset = _offset_of(zone)
        self._known: tuple[int, int, list[Step]] | None = None

    def offset(self, at: int) -> int:
        """Return the offset from UTC at a time."""
        return self._offset(at // SECOND) * SECOND

    def steps(self, first: int, last: int) -> list[Step]:
        """Return the steps from one time to another; the first one is in force at `first`."""
        if self._known is not None and self._known[0] <= first <= last <= self._known[1]:
            return _between(self._known[2], first, last)
        steps = self._found(first, last)
        if self._known is None or last - first > self._known[1] - self._known[0]:
            self._known = first, last, steps
        return steps

    def _found(self, first: int, last: int) -> list[Step]:
        steps = [(first, self.offset(first))]
        at = first
        while at < last:
            following = min(at + _PROBED, last)
            if self.offset(following) != steps[-1][1]:
                steps.append(self._change(at, following))
            at = following
        return steps

    def _change(self, low: int, high: int) -> Step:
        before, after = self.offset(low), self.offset(high)
        while high - low > 1:
            middle = (low + high) // 2
            if self.offset(middle) == before:
                low = middle
            else:
                high = middle
        return high, after

    def local_day(self, at: int) -> int:
        """Return the number of the local day of a time."""
        return (at + self.offset(at) + _BEFORE_1970) // DAY

    def start_of(self, day: int) -> int:
        """Return the first time at which it is a day or later."""
        return self.first_at(day, 0)

    def first_at(self, day: int, of_day: int) -> int:
        """Return the first time at which the clocks show a time of a day, or a later one."""
        local = day * DAY + of_day - _BEFORE_1970
        steps = self.steps(local - 3 * DAY, local + 3 * DAY)
        ends = [since for since, _ in steps[1:]] + [local + 4 * DAY]
        starts = [max(since, local - offset) for since, offset in steps]
        return min(start for start, end in zip(starts, ends, strict=True) if start < end)


def _between(steps: list[Step], first: int, last: int) -> list[Step]:
    before = [offset for since, offset in steps if since <= first]
    return [(first, before[-1]), *[step for step in steps if first < step[0] <= last]]


class LocalTime:
    """SQL expressions of a zone's local days and hours, for times between two others.

    Attributes:
        offset: the offset of `at` from UTC in microseconds.
    """

    def __init__(self, zone: Zone, first: int, last: int, database: sqlite3.Connection) -> None:
        """Name the zone, the times, and the database in which the expressions are used."""
        low, high = max(first, _FIRST), min(last + 1, _LAST)
        self.steps = zone.steps(low, high) if low < high else []
        shift = piecewise(self.steps, "at") if self.steps else "local_shift(at)"
        if self.steps and (first < low or last >= high):
            shift = f"case when at >= {low} and at < {high} then {shift} else local_shift(at) end"
        if "local_shift" in shift:
            database.create_function("local_shift", 1, zone.offset)
        self.offset = shift
        self._is_piecewise = "local_shift" not in shift
        self._local = f"(at + {_BEFORE_1970} + {shift})"

    @property
    def offsets(self) -> tuple[int, int]:
        """The least and the largest offset from UTC."""
        if not self._is_piecewise:
            return -DAY, DAY
        found = [offset for _, offset in self.steps]
        return min(found), max(found)

    def is_of_slots(self, length: int) -> bool:
        """Tell whether days and hours begin and end with slots of so many microseconds."""
        numbers = [offset for _, offset in self.steps] + [since for since, _ in self.steps[1:]]
        return self._is_piecewise and not any(number % length for number in numbers)

    @property
    def day(self) -> str:
        """The number of the local day of `at`."""
        return f"{self._local} / {DAY}"

    @property
    def hour(self) -> str:
        """The local hour of `at`, from 0 to 23."""
        return f"{self._local} / {3600 * SECOND} % 24"


def piecewise(steps: Sequence[tuple[int, object]], variable: str) -> str:
    """Return an expression in SQL that has a value from each step to the next one, by halves."""
    if len(steps) == 1:
        return str(steps[0][1])
    middle = len(steps) // 2
    earlier, later = piecewise(steps[:middle], variable), piecewise(steps[middle:], variable)
    return f"case when {variable} < {steps[middle][0]} then {earlier} else {later} end"


def _offset_of(zone: str | tzinfo | None) -> Callable[[int], int]:
    if zone is None:
        return _system_offset
    return _named_offset(zone) if isinstance(zone, str) else _offsets_of(zone)


def _system_offset(seconds: int) -> int:
    try:
        return time.localtime(seconds).tm_gmtoff
    except (OverflowError, OSError, ValueError):  # before or after what the system knows
        return time.localtime(0).tm_gmtoff


def _system_name() -> str:
    name = os.environ.get("TZ", "").lstrip(":")
    if not name:
        name = os.path.realpath("/etc/localtime").rpartition("/zoneinfo/")[2]
    return name if name and not name.startswith("/") else "local"


def _named_offset(name: str) -> Callable[[int], int]:
    if name == "UTC":
        return lambda _seconds: 0
    return _offsets_of(_find_zone(name))


def _find_zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError([
            f"unknown time zone {name[:60]!r}: use a name such as Europe/Berlin or UTC"
        ]) from None  # fmt: skip


def _offsets_of(zone: tzinfo) -> Callable[[int], int]:
    from datetime import UTC, datetime, timedelta

    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def offset(seconds: int) -> int:
        moment = epoch + timedelta(seconds=seconds)
        try:
            found = moment.astimezone(zone).utcoffset()
        except OverflowError:  # within a day of the calendar's ends
            day = timedelta(days=1 if seconds < 0 else -1)
            found = (moment + day).astimezone(zone).utcoffset()
        return 0 if found is None else found // timedelta(seconds=1)

    return offset
