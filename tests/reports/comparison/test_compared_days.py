"""The days of a comparison: of a time that is not over, as many days of the other one."""

import pytest

from tokentrack.common.timestamps import parse
from tokentrack.errors import ValidationError
from tokentrack.reports import calendar
from tokentrack.reports.comparison.compared_days import days_to_compare
from tokentrack.reports.zones import Zone

NOW = parse("2026-11-18T12:00:00Z")  # a Wednesday


@pytest.mark.parametrize(("since", "until", "period", "days", "before"), [
    ("this-month", None, "last-month", "11-01..11-18", "10-01..10-18"),
    ("2026-10-01", "2026-10-31", "2026-09-01..2026-09-30", "10-01..10-31", "09-01..09-30"),
    ("last-month", "last-month", "2026-08-01..2026-08-31", "10-01..10-31", "08-01..08-31"),
    ("today", None, "yesterday", "11-18..11-18", "11-17..11-17"),
    ("7d", None, "7d", "11-12..11-18", "11-05..11-11"),
    ("7d", None, "2w", "11-12..11-18", "10-29..11-04"),
    ("this-week", None, "last-week", "11-16..11-18", "11-09..11-11"),
    ("2026-11-18T06:00:00", None, "yesterday", "11-18..11-18", "11-17..11-17"),
    ("2026-11-10", "2026-11-12T00:00:00", "2026-11-01", "11-10..11-11", "11-01..11-01"),
])  # fmt: skip
def test_the_same_days_are_compared(since, until, period, days, before):
    found = days_to_compare(since, until, period, Zone("UTC"), NOW)
    assert [
        "..".join(calendar.day_name(day)[5:] for day in (one.first, one.last)) for one in found
    ] == [days, before]


def test_of_a_short_month_all_days_are_compared():
    now = parse("2026-03-31T12:00:00Z")
    _, before = days_to_compare("this-month", None, "last-month", Zone("UTC"), now)
    assert (before.since, before.until) == ("2026-02-01", "2026-02-28")


@pytest.mark.parametrize(("since", "period", "words"), [
    ("this-month", "lately", "compare with a period such as last-month"),
    ("this-month", "last-mont", "did you mean 'last-month'?"),
    ("this-month", "all", "compare with a period"),
    ("this-month", "24h", "compare with a period"),
    ("this-month", "..", "compare with a period"),
    ("this-month", "2026-02-01..2026-01-01", "ends before it begins"),
    ("all", "last-month", "use --since"),
])  # fmt: skip
def test_what_is_not_a_period_is_refused(since, period, words):
    with pytest.raises(ValidationError, match=words):
        days_to_compare(since, None, period, Zone("UTC"), NOW)
