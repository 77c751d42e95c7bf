"""Where hours, days, weeks and months begin, also when the clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.reports.periods import PERIODS, check_period, days_of, hour_start
from tokentrack.reports.zones import Zone
from tokentrack.usage import UsageTracker

BERLIN = ZoneInfo("Europe/Berlin")
# Changes at midnight, by half an hour, by a whole day, and none.
ZONES = [
    "Europe/Berlin", "America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia",
    "America/St_Johns", "Asia/Kolkata", "UTC",
]  # fmt: skip
HOUR_US = 3600 * 1_000_000


def us(text):
    return timestamps.from_datetime(datetime.fromisoformat(text))


def period_start(at, period, zone):
    """Return where the period of a time begins, as an aware datetime."""
    found = Zone(zone)
    if period == "hour":
        start = hour_start(at, found.offset(at), found)
    else:
        start = found.start_of(days_of(found.local_day(at), period)[0])
    return timestamps.to_datetime(start).astimezone(zone)


def period_bounds(at, period, zone):
    """Return where the period of a time begins and where the next one does."""
    start = timestamps.from_datetime(period_start(at, period, zone))
    # Far enough to be in the next period, and before the one after it.
    ahead = {"hour": 90 * 60, "day": 36 * 3600, "week": 10 * 86400, "month": 45 * 86400}[period]
    return start, timestamps.from_datetime(period_start(start + ahead * 1_000_000, period, zone))


def hours(day, zone):
    noon = timestamps.from_datetime(datetime(day.year, day.month, day.day, 12, tzinfo=zone))
    start, end = period_bounds(noon, "day", zone)
    return (end - start) / HOUR_US


@pytest.mark.parametrize(
    ("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)]
)
def test_a_day_is_as_long_as_its_clock_says(day, length):
    assert hours(date.fromisoformat(day), BERLIN) == length


def test_the_hour_that_comes_twice_is_two_hours():
    first, second = us("2026-10-25T00:30:00Z"), us("2026-10-25T01:30:00Z")
    starts = [period_start(at, "hour", BERLIN) for at in (first, second)]
    assert [start.isoformat() for start in starts] == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]


def test_a_day_whose_midnight_is_skipped_begins_when_the_clocks_do():
    start = period_start(us("2026-03-29T12:00:00Z"), "day", ZoneInfo("Asia/Beirut"))
    assert start.isoformat() == "2026-03-29T01:00:00+03:00"


@pytest.mark.parametrize(
    ("period", "start"),
    [
        ("hour", "2026-11-18T15:00:00+01:00"),
        ("day", "2026-11-18T00:00:00+01:00"),
        ("week", "2026-11-16T00:00:00+01:00"),
        ("month", "2026-11-01T00:00:00+01:00"),
    ],
)
def test_where_periods_begin(period, start):
    assert period_start(us("2026-11-18T14:59:59Z"), period, BERLIN).isoformat() == start


def test_the_systems_zone_is_used_without_one(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        zone = ZoneInfo("America/New_York")
        for text in ("2026-03-08T12:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"):
            for period in PERIODS:
                expected = period_bounds(us(text), period, zone)
                assert period_bounds(us(text), period, None) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 1)),  # noqa: DTZ001  (made aware below)
    st.sampled_from(PERIODS),
    st.sampled_from(ZONES),
)
def test_periods_are_without_gap_and_overlap(moment, period, name):
    zone = ZoneInfo(name)
    at = timestamps.from_datetime(moment.replace(tzinfo=UTC))
    start, end = period_bounds(at, period, zone)
    assert start <= at < end
    assert period_bounds(start, period, zone) == (start, end)
    assert period_bounds(end - 1, period, zone) == (start, end)
    assert period_bounds(end, period, zone)[0] == end
    if period != "hour":
        local = timestamps.to_datetime(start).astimezone(zone)
        assert local - timedelta(microseconds=1) < local
        assert (local.astimezone(UTC) - timedelta(microseconds=1)).astimezone(zone).date() < (
            local.date()
        )


def test_totals_by_period_add_up(tmp_path, monkeypatch):
    times = ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z",
             "2026-10-25T01:30:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"]  # fmt: skip
    monkeypatch.setenv("HOME", str(tmp_path))
    tracker = UsageTracker(tmp_path / "token_usage.csv", zone="Europe/Berlin")
    for text in times:
        monkeypatch.setattr(timestamps, "now_us", lambda text=text: us(text))
        tracker.track_request("s", "claude-sonnet-4.5", 1000, 0)
    found = {
        period: [total.requests for _, total in tracker.get_usage_by_period(period)]
        for period in PERIODS
    }
    # Monday is the 26th, which begins in Berlin at 23:00 UTC.
    assert found == {"hour": [1] * 6, "day": [1, 4, 1], "week": [5, 1], "month": [6]}
    days = tracker.get_usage_by_period("day")
    assert [day.start.date().isoformat() for day in days] == [
        "2026-10-24", "2026-10-25", "2026-10-26"
    ]  # fmt: skip
    assert sum(day.total.cost_usd for day in days) == pytest.approx(tracker.get_global_cost())


def test_an_unknown_period_is_refused():
    with pytest.raises(ValidationError, match="hour, day, week, month"):
        check_period("year", PERIODS)
