"""The days that a comparison is about: those that are asked about, and those of another time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.suggestions import nearest
from tokentrack.errors import ValidationError
from tokentrack.reports import calendar
from tokentrack.reports.spans import WORDS, find_span

if TYPE_CHECKING:
    from tokentrack.reports.spans import When
    from tokentrack.reports.zones import Zone

# The keys of a row that is compared.
BEFORE, CHANGE = "before", "change"
_RANGE = ".."


def before_of(metric: str) -> str:
    """Return the key for what another metric was, which says how `before` is to be read."""
    return f"{BEFORE}_{metric}"


class Days(NamedTuple):
    """Local days from the first to the last, which belongs to them."""

    first: int
    last: int

    @property
    def since(self) -> str:
        """The first day by its name."""
        return calendar.day_name(self.first)

    @property
    def until(self) -> str:
        """The last day by its name."""
        return calendar.day_name(self.last)


class Comparison(NamedTuple):
    """What an answer is compared with.

    Attributes:
        metric: the metric that is compared.
        days: the days of the answer, up to today at most.
        before: the days before.
        since: where those begin, in microseconds since the epoch.
        until: where they end.
        turns: how many turns they had.
    """

    metric: str
    days: Days
    before: Days
    since: int | None
    until: int | None
    turns: int


def days_to_compare(
    since: When, until: When, period: str, zone: Zone, now: int
) -> tuple[Days, Days]:
    """Return the days that are asked about, and those of an earlier period.

    Of a period that is not over, its days up to today are compared with as many days.

    Args:
        since: where the asked time begins.
        until: where it ends.
        period: a word such as `last-month`; `7d` for the seven days before; a date; or two dates
            with `..` between them.
        zone: whose days they are.
        now: the time, in microseconds since the epoch.

    Raises:
        ValidationError: one of them is not such a time, the asked time has no beginning, or both
            are the same days.
    """
    span, today = find_span(since, until, zone, now), zone.local_day(now)
    first = span.first_day if span.since is None else zone.local_day(span.since)
    if first is None:
        raise ValidationError(["a comparison needs a time with a beginning: use --since"])
    last = span.last_day if span.until is None else zone.local_day(span.until - 1)
    before = _earlier(period, first, zone, now)
    if last is None or last > today:
        last = max(first, today)
        before = Days(before.first, min(before.last, before.first + last - first))
    days = Days(first, last)
    if before == days:
        raise ValidationError([
            f"{period[:60]!r} is the time that is asked about: compare it with an earlier one"
        ])  # fmt: skip
    return days, before


def _earlier(period: str, first: int, zone: Zone, now: int) -> Days:
    begin, is_range, end = period.partition(_RANGE)
    days = {"d": 1, "w": 7}.get(period[-1:])
    if days and period[:-1].isdecimal() and len(period) < 6 and int(period[:-1]):
        return Days(first - int(period[:-1]) * days, first - 1)
    try:
        since = find_span(begin, None, zone, now).first_day
        until = find_span(None, end if is_range else begin, zone, now).last_day
    except ValidationError:
        since = until = None
    if since is None or until is None:
        close = None if is_range else nearest(period, WORDS)
        hint = f": did you mean {close!r}?" if close and close != period else ""
        words = "last-month, yesterday, 7d or 2026-10-01..2026-10-31"
        raise ValidationError([
            f"compare with a period such as {words}, not {period[:60]!r}{hint}"
        ])  # fmt: skip
    if since > until:
        raise ValidationError([f"{period[:60]!r} ends before it begins"])
    return Days(since, until)
