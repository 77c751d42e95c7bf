"""Single values of Kiro's JSON: which are accepted, and which are refused."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.kiro import values

BILLS = st.lists(st.floats(min_value=0, max_value=1e9), min_size=1, max_size=8)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = (EPOCH + timedelta(days=1)).replace(tzinfo=None)
LAST = FIRST.replace(year=9999)


@given(BILLS)
def test_credits_add_up_as_decimals_do(numbers):
    with localcontext() as context:
        context.prec = 400
        expected = sum(Decimal(repr(number)) for number in numbers)
        assert Decimal(values.exact_sum(numbers)) == expected
    assert "e" not in values.exact_sum(numbers)


def test_credits_as_floats_would_drift():
    # The negative control of exact_sum.
    assert values.exact_sum([0.1, 0.2]) == "0.3"
    assert repr(0.1 + 0.2) != "0.3"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"usage": 0.42, "unit": "credit"}], ("0.42", 0)),
        ([{"usage": 1e-05}], ("0.00001", 0)),
        ([{"usage": 2}, {"usage": 0.0}], ("2", 0)),
        ([{"usage": None}], (None, 0)),
        ([{"usage": None}, {"usage": 0.5}], ("0.5", 0)),
        ([{"usage": 3, "unit": "token"}], (None, 0)),
        ([{"usage": 3, "unit": None}], ("3", 0)),
        ([{"usage": 3, "unit": 5}], (None, 0)),
        ([{"usage": math.nan}], (None, 1)),
        ([{"usage": math.inf}, {"usage": 1}], ("1", 1)),
        ([{"usage": -1}], (None, 1)),
        ([{"usage": True}], (None, 1)),
        ([{"usage": "1000many"}], (None, 1)),
        ([{"usage": 1e300}], (None, 1)),
        (["usage", None, 3], (None, 0)),
        ({"usage": 1}, (None, 0)),
        (None, (None, 0)),
    ],
)
def test_credits_take_numbers_and_refuse_the_rest(entries, expected):
    assert values.credit_sum(entries, "usage") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(7, 7), (0, None), (None, None), (-1, None), (True, None), ("7", None)]
)
def test_tokens_of_0_are_unknown(value, expected):
    assert values.tokens(value) == expected


@given(st.datetimes(min_value=FIRST, max_value=LAST))
def test_times_are_read_as_datetime_reads_them(moment):
    aware = moment.replace(tzinfo=UTC)
    expected = (aware - EPOCH) // timedelta(microseconds=1)
    assert values.microseconds(aware.isoformat().replace("+00:00", "Z")) == expected
    assert values.microseconds(aware.isoformat()) == expected


@given(st.text(alphabet="0123456789-:.TZ+", max_size=30))
def test_no_text_breaks_the_reading_of_times(text):
    values.microseconds(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-08-20T10:00:00.000Z", 1_787_220_000_000_000),
        ("2026-08-20T10:00:00Z", 1_787_220_000_000_000),
        ("2026-08-20T10:00:00.123456789Z", 1_787_220_000_123_456),
        ("2026-08-20T12:00:00+02:00", 1_787_220_000_000_000),
        (1_787_220_000, 1_787_220_000_000_000),
        (1_787_220_000_000, 1_787_220_000_000_000),
        ("2026-02-31T10:00:00.000Z", None),
        ("2026-08-20T25:00:00.000Z", None),
        ("yesterday", None),
        ("", None),
        (0, None),
        (-5, None),
        (True, None),
        (math.nan, None),
        (1e300, None),
        (1e308, None),
        (-1e308, None),
        (10**400, None),
        (None, None),
    ],
)
def test_times_come_in_text_seconds_and_milliseconds(value, expected):
    assert values.microseconds(value) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("success", "success"),
        ("succeed", "success"),
        ("UserTurnEnd", "success"),
        ("end_turn", "success"),
        ("aborted", "aborted"),
        ("Cancelled", "aborted"),
        ("UserInterrupt", "aborted"),
        ("failed", "error"),
        ("ToolError", "error"),
        ("something new", ""),
        (None, ""),
    ],
)
def test_kiros_words_for_an_end(word, expected):
    assert values.status(word) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("plain", "plain"),
        ([{"kind": "text", "data": "a"}, {"kind": "toolUse", "data": "b"}], "a"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ({"content": "a"}, "a"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_message_is_its_text(content, expected):
    assert values.text_of(content) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from([1e308, -1e308, 10**400, "1e400", "9" * 5000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)  # fmt: skip
READERS = (
    "mapping", "objects", "text", "tokens", "count", "percent", "microseconds", "milliseconds",
    "status", "text_of",
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@given(value=JSON)
def test_no_value_of_json_breaks_a_reader(name, value):
    getattr(values, name)(value)


@given(st.lists(st.dictionaries(st.sampled_from(["usage", "unit"]), JSON)))
def test_no_entry_breaks_the_sum_of_credits(entries):
    values.credit_sum(entries, "usage")
