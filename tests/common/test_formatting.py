"""Counts and costs as short texts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.common.formatting import format_cost, format_tokens
from tokentrack.errors import ValidationError


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (500, "500"),
        (1500, "1.5K"),
        (2_500_000, "2.5M"),
        (150_000, "150.0K"),
        (4100, "4.1K"),
        (10_300, "10.3K"),
    ],
)
def test_tokens_of_everyday_sizes(count, text):
    assert format_tokens(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0K"),
        (1150, "1.2K"),
        (999_949, "999.9K"),
        (999_950, "1.0M"),
        (999_950_000, "1.0B"),
        (3_000_000_000, "3.0B"),
        (4 * 10**12, "4.0T"),
        (10**18, "1.0e+18"),
        (10**400, "1.0e+400"),
        (-1500, "-1.5K"),
        (-1, "-1"),
        (-0.4, "0"),
        (999.6, "1.0K"),
        (None, "unknown"),
        (float("nan"), "unknown"),
        (float("inf"), "unknown"),
    ],
)
def test_tokens_at_the_edges(count, text):
    assert format_tokens(count) == text


def test_precision_of_tokens():
    assert [format_tokens(1256, places) for places in (0, 2, 3)] == ["1K", "1.26K", "1.256K"]


@pytest.mark.parametrize(("cost", "text"), [(0.05, "$0.05"), (1.234, "$1.23"), (0.001, "$0.00")])
def test_costs_of_everyday_sizes(cost, text):
    assert format_cost(cost) == text


@pytest.mark.parametrize(
    ("cost", "precision", "text"),
    [
        (0.001, 4, "$0.0010"),
        (0.001, None, "$0.0010"),
        (0.00042, None, "$0.00042"),
        (0.05, None, "$0.05"),
        (0, None, "$0.00"),
        (1e-30, None, "$0.000000000000"),
        (1_234_567.891, 2, "$1,234,567.89"),
        (1e300, 2, "$1.00e+300"),
        (-1.5, 2, "-$1.50"),
        (-0.001, 2, "$0.00"),
        (1.005, 2, "$1.01"),
        (Decimal("0.01884"), 5, "$0.01884"),
        (None, 2, "unknown"),
        (float("nan"), 2, "unknown"),
    ],
)
def test_costs_at_the_edges(cost, precision, text):
    assert format_cost(cost, precision) == text


@pytest.mark.parametrize("precision", [-1, 13, True, 1.0, "2"])
def test_a_precision_out_of_bounds_is_refused(precision):
    with pytest.raises(ValidationError, match="precision"):
        format_tokens(1500, precision)
    with pytest.raises(ValidationError, match="precision"):
        format_cost(1.5, precision)


@given(st.integers(-(10**30), 10**30), st.integers(0, 6))
def test_no_count_shows_a_thousand_of_its_unit(count, precision):
    number = format_tokens(count, precision).lstrip("-").rstrip("KMBT")
    assert float(number) < 1000 or "e+" in number
