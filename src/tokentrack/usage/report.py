"""The JSON report of the documents: its keys and its shape exactly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tokentrack.pricing import MODEL_PRICING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.pricing import PriceTable
    from tokentrack.usage.records import SessionTokenUsage, UsageTotal


def usage_report(
    sessions: Mapping[str, SessionTokenUsage], total: UsageTotal, prices: PriceTable
) -> dict[str, Any]:
    """Return all sessions and their total as JSON values; an unknown cost is None."""
    usage = total.usage
    return {
        "generated_at": time.time(),
        "global_summary": {
            "total_tokens": usage.total_tokens,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            "total_cost_usd": total.cost_usd,
            "session_count": len(sessions),
        },
        "sessions": {name: _session(session) for name, session in sessions.items()},
        "model_pricing": _pricing({session.model_name for session in sessions.values()}, prices),
    }


def _session(session: SessionTokenUsage) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "model_name": session.model_name,
        "total_usage": session.total_usage.to_dict(),
        "request_history": [usage.to_dict() for usage in session.request_history],
        "created_at": session.created_at,
        "last_updated": session.last_updated,
        "total_cost_usd": session.total_cost_usd,
        "request_count": session.request_count,
    }


def _pricing(models: set[str], prices: PriceTable) -> dict[str, Any]:
    # MODEL_PRICING and what the sessions use; null is a model without a price per token here.
    found: dict[str, Any] = {}
    for model in [*MODEL_PRICING, *sorted(models - set(MODEL_PRICING))]:
        price = prices.price(model)
        found[model] = None if price is None else price.to_dict()
        if price is None and prices.cost(model, 0, 0) is not None:
            found[model] = {"source": prices.explain(model)}
    return found
