"""Times in UTC, as text and in microseconds since the epoch."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.common import timestamps


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-15", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
     "0001-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-01-15T10:30:45Z\n", "x" * 10_000],
)  # fmt: skip
def test_a_text_is_a_time_or_a_value_error(text):
    try:
        at = timestamps.parse(text)
    except ValueError:
        return
    assert timestamps.format_us(at)


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_time_comes_back(moment):
    at = timestamps.from_datetime(moment)
    assert timestamps.to_datetime(timestamps.parse(timestamps.format_us(at))) == moment
