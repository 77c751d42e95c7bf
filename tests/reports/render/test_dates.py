"""Days and times in the words of headings."""

from datetime import date

import pytest

from tokentrack.common.timestamps import parse
from tokentrack.reports.render.dates import days_text, period_text
from tokentrack.reports.zones import Zone

NOW = parse("2026-11-18T12:00:00Z")


@pytest.mark.parametrize(("since", "until", "text"), [
    ("2026-11-01", None, "1–18 Nov 2026"),
    ("2026-11-18", None, "18 Nov 2026"),
    ("2026-10-25", "2026-11-04", "25 Oct – 3 Nov 2026"),
    ("2025-12-31", "2026-01-02", "31 Dec 2025 – 1 Jan 2026"),
    ("2026-10-01", "2026-11-01", "1–31 Oct 2026"),
    (None, "2026-11-01", "up to 31 Oct 2026"),
    (None, None, "all time"),
    ("2026-11-17T09:30:00", None, "since 17 Nov 09:30"),
    ("2025-11-17T09:30:00", None, "since 17 Nov 2025 09:30"),
    ("2030-01-01", None, "since 1 Jan 2030"),
])  # fmt: skip
def test_a_time_is_named_by_its_days(since, until, text):
    edges = [
        None if when is None else parse(f"{when}T00:00:00Z" if len(when) == 10 else f"{when}Z")
        for when in (since, until)
    ]
    assert period_text(*edges, Zone("UTC"), NOW) == text


@pytest.mark.parametrize(("first", "last", "text"), [
    ("2026-11-01", "2026-11-17", "1–17 Nov"),
    ("2026-11-17", "2026-11-17", "17 Nov"),
    ("2026-09-30", "2026-10-28", "30 Sep – 28 Oct"),
    ("2025-12-31", "2026-01-28", "31 Dec – 28 Jan"),
])  # fmt: skip
def test_days_of_two_months_are_named_with_both(first, last, text):
    assert days_text(*[date.fromisoformat(day).toordinal() for day in (first, last)]) == text
