"""The tokens and the cost of one request, of a session, and of many requests."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.models.columns import shown
from tokentrack.reports.pricing import prices_in_force

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.reports.pricing import PriceTable


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """The tokens of one request, or of several added up; immutable.

    Attributes:
        input_tokens: all input, 0 or more.
        output_tokens: all output, 0 or more.
        cached_tokens: the part of the input that was read from the cache.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0

    def __post_init__(self) -> None:
        """Refuse invalid counts.

        Raises:
            ValidationError: with every problem found.
        """
        issues = usage_issues(self.input_tokens, self.output_tokens, self.cached_tokens)
        if issues:
            raise ValidationError(issues)

    @property
    def total_tokens(self) -> int:
        """Input and output; the input includes the cached tokens."""
        return self.input_tokens + self.output_tokens

    @property
    def non_cached_input_tokens(self) -> int:
        """The input that was not read from the cache."""
        return self.input_tokens - self.cached_tokens

    def calculate_cost(self, model_name: str, prices: PriceTable | None = None) -> float | None:
        """Return the cost in USD, None for a model without a price.

        Args:
            model_name: the model that served the request.
            prices: the prices; by default the user's own and `MODEL_PRICING`.

        Raises:
            TokenTrackError: the user's file of prices can't be read or is invalid.
        """
        table = prices_in_force() if prices is None else prices
        cost = table.cost(model_name, self.input_tokens, self.output_tokens, self.cached_tokens)
        return None if cost is None else float(cost)

    def to_dict(self) -> dict[str, int]:
        """Return the counts and their total as JSON values."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "total_tokens": self.total_tokens,
        }

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
        )


def usage_issues(input_tokens: int, output_tokens: int, cached_tokens: int) -> list[str]:
    """Return a sentence for each problem of a request's counts."""
    counts = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cached_tokens": cached_tokens,
    }
    issues = [
        f"{name} must be a whole number, 0 or more, not {shown(value)}"
        for name, value in counts.items()
        if not isinstance(value, int) or isinstance(value, bool) or value < 0
    ]
    if not issues and cached_tokens > input_tokens:
        issues.append(
            f"cached_tokens ({cached_tokens}) cannot exceed input_tokens ({input_tokens})"
        )
    return issues


class UsageRequest(NamedTuple):
    """One tracked request; `at` is in microseconds since the epoch."""

    request_id: str
    at: int
    session_id: str
    model_name: str
    usage: TokenUsage
    user: str = ""
    source_id: str = ""
    tags: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """The total of several requests.

    Attributes:
        usage: the tokens.
        requests: how many requests.
        cost_usd: the cost of the requests that have a price; None if none of them has one.
        unpriced_requests: how many requests are not in the cost because they have no price.
    """

    usage: TokenUsage
    requests: int
    cost_usd: float | None
    unpriced_requests: int


@dataclass(slots=True)
class SessionTokenUsage:
    """What a session used so far; a copy that later requests do not change.

    Attributes:
        session_id: the session.
        model_name: the model of its last request.
        total_usage: the tokens of all its requests.
        request_history: the last requests, the oldest first.
        created_at: the time of the first request, seconds since the epoch.
        last_updated: the time of the last request, seconds since the epoch.
        older_requests: how many requests are no longer in `request_history`.
        total: the total, with each request at the price of its own model.
    """

    session_id: str
    model_name: str
    total_usage: TokenUsage = field(default_factory=TokenUsage)
    request_history: list[TokenUsage] = field(default_factory=list)
    created_at: float = field(default_factory=time.time)
    last_updated: float = field(default_factory=time.time)
    older_requests: int = 0
    total: UsageTotal | None = field(default=None, repr=False)

    @property
    def total_cost_usd(self) -> float | None:
        """The cost of the requests that have a price; None if none of them has one.

        Raises:
            TokenTrackError: the user's file of prices can't be read or is invalid.
        """
        if self.total is None:
            return self.total_usage.calculate_cost(self.model_name)
        return self.total.cost_usd

    @property
    def request_count(self) -> int:
        """How many requests the session had."""
        return self.older_requests + len(self.request_history)

    @property
    def unpriced_requests(self) -> int:
        """How many requests are not in the cost because they have no price."""
        return 0 if self.total is None else self.total.unpriced_requests
