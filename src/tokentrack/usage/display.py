"""Usage and its cost as one line, for status lines and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.common.formatting import format_cost, format_tokens

if TYPE_CHECKING:
    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.requests.token_usage import TokenUsage


def format_usage_compact(
    usage: TokenUsage,
    model_name: str,
    *,
    prices: PriceTable | None = None,
    cost_precision: int | None = 2,
) -> str:
    """Return usage for a status line: `3.5K tok (2.0K cached) $0.12`.

    Raises:
        TokenTrackError: the user's prices can't be read, or the precision is out of bounds.
    """
    cost = usage.calculate_cost(model_name, prices)
    text = "cost unknown" if cost is None else format_cost(cost, cost_precision)
    return f"{format_tokens(usage.total_tokens)} tok{_cached(usage)} {text}"


def format_usage_detailed(
    usage: TokenUsage,
    model_name: str,
    *,
    prices: PriceTable | None = None,
    cost_precision: int | None = 2,
) -> str:
    """Return usage for a report: `In: 2.0K tok, Out: 1.5K tok, Cost: $0.12 (800 cached)`.

    Raises:
        TokenTrackError: the user's prices can't be read, or the precision is out of bounds.
    """
    cost = format_cost(usage.calculate_cost(model_name, prices), cost_precision)
    tokens = f"In: {format_tokens(usage.input_tokens)} tok"
    return f"{tokens}, Out: {format_tokens(usage.output_tokens)} tok, Cost: {cost}{_cached(usage)}"


def _cached(usage: TokenUsage) -> str:
    return f" ({format_tokens(usage.cached_tokens)} cached)" if usage.cached_tokens else ""
