"""Usage and its cost as one line."""

from decimal import Decimal

import pytest

from tokentrack.reports.pricing import Price, PriceTable
from tokentrack.usage import TokenUsage, format_usage_compact, format_usage_detailed


def table(rate, output, cached=0):
    price = Price(Decimal(str(rate)), Decimal(str(output)), Decimal(str(cached)), "test", "")
    return PriceTable({"m": price}, extra=False)


@pytest.mark.parametrize(
    ("counts", "prices", "text"),
    [
        ((800, 400, 0), table(0.025, 0.075), "1.2K tok $0.05"),
        ((2000, 1500, 2000), table(0.015, 0.075, 0.0015), "3.5K tok (2.0K cached) $0.12"),
        ((1, 1, 0), PriceTable(extra=False), "2 tok cost unknown"),
    ],
)
def test_compact_usage(counts, prices, text):
    assert format_usage_compact(TokenUsage(*counts), "m", prices=prices) == text


@pytest.mark.parametrize(
    ("counts", "prices", "text"),
    [
        ((800, 400, 0), table(0.025, 0.075), "In: 800 tok, Out: 400 tok, Cost: $0.05"),
        (
            (2000, 1500, 800),
            table(0.01, 0.07),
            "In: 2.0K tok, Out: 1.5K tok, Cost: $0.12 (800 cached)",
        ),
        ((1, 1, 0), PriceTable(extra=False), "In: 1 tok, Out: 1 tok, Cost: unknown"),
    ],
)
def test_detailed_usage(counts, prices, text):
    assert format_usage_detailed(TokenUsage(*counts), "m", prices=prices) == text


def test_usage_below_a_cent_can_be_shown():
    usage = TokenUsage(100, 10)
    compact = format_usage_compact(usage, "claude-haiku-4.5", cost_precision=None)
    assert compact == "110 tok $0.00015"
