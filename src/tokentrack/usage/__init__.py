"""Track what each request to a model used, by session, in the usage ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokentrack.common.formatting import format_cost, format_tokens
    from tokentrack.reports.pricing import MODEL_PRICING, PriceTable
    from tokentrack.reports.requests.budgets import Budget, BudgetAlert, BudgetStatus
    from tokentrack.reports.requests.token_usage import SessionTokenUsage, TokenUsage, UsageTotal
    from tokentrack.reports.requests.tracked_requests import PeriodUsage
    from tokentrack.usage.display import format_usage_compact, format_usage_detailed
    from tokentrack.usage.usage_tracker import TrackedRequest, UsageTracker
    from tokentrack.usage.usage_tracker import UsageTracker as TokenTracker

__all__ = [
    "MODEL_PRICING",
    "Budget",
    "BudgetAlert",
    "BudgetStatus",
    "PeriodUsage",
    "PriceTable",
    "SessionTokenUsage",
    "TokenTracker",
    "TokenUsage",
    "TrackedRequest",
    "UsageTotal",
    "UsageTracker",
    "format_cost",
    "format_tokens",
    "format_usage_compact",
    "format_usage_detailed",
]

# The public names and their modules; each module is loaded when one of its names is first used.
_MODULES = {
    "MODEL_PRICING": "reports.pricing",
    "Budget": "reports.requests.budgets",
    "BudgetAlert": "reports.requests.budgets",
    "BudgetStatus": "reports.requests.budgets",
    "PeriodUsage": "reports.requests.tracked_requests",
    "PriceTable": "reports.pricing",
    "SessionTokenUsage": "reports.requests.token_usage",
    "TokenUsage": "reports.requests.token_usage",
    "TrackedRequest": "usage.usage_tracker",
    "UsageTotal": "reports.requests.token_usage",
    "UsageTracker": "usage.usage_tracker",
    "format_cost": "common.formatting",
    "format_tokens": "common.formatting",
    "format_usage_compact": "usage.display",
    "format_usage_detailed": "usage.display",
}
# The class was called TokenTracker before; `tokentrack.TokenTracker` is another class.
_ALIASES = {"TokenTracker": "UsageTracker"}


def __getattr__(name: str) -> object:
    known = _ALIASES.get(name, name)
    if known not in _MODULES:
        raise AttributeError(f"module 'tokentrack.usage' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"tokentrack.{_MODULES[known]}"), known)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
