"""Sums of requests: exact counts, costs as decimals, and how many requests have no price."""

from __future__ import annotations

from collections import deque
from copy import copy
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common import timestamps
from tokentrack.reports.periods import period_bounds
from tokentrack.reports.token_usage import SessionTokenUsage, TokenUsage, UsageTotal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, tzinfo

    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.requests import UsageRequest

_NOTHING = Decimal(0)


def cost_of(request: UsageRequest, prices: PriceTable) -> Decimal | None:
    """Return the cost of a request in USD at the prices of its time, None without a price."""
    model, usage = request.model_name, request.usage
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens)
    price = prices.price(model)
    if price is not None:
        return price.cost(*counts)
    return prices.cost(model, *counts, timestamps.to_datetime(request.at))


class Sum:
    """A running sum of requests."""

    __slots__ = ("cached", "cost", "input", "output", "requests", "unpriced")

    def __init__(self) -> None:
        self.input = self.output = self.cached = self.requests = self.unpriced = 0
        self.cost = _NOTHING

    def add(self, usage: TokenUsage, cost: Decimal | None) -> None:
        """Add a request and its cost in USD."""
        self.input += usage.input_tokens
        self.output += usage.output_tokens
        self.cached += usage.cached_tokens
        self.requests += 1
        if cost is None:
            self.unpriced += 1
        else:
            self.cost += cost

    def merge(self, other: Sum) -> None:
        """Add what another sum holds."""
        self.input += other.input
        self.output += other.output
        self.cached += other.cached
        self.requests += other.requests
        self.unpriced += other.unpriced
        self.cost += other.cost

    def usage(self) -> TokenUsage:
        """Return the tokens."""
        return TokenUsage(self.input, self.output, self.cached)

    def total(self) -> UsageTotal:
        """Return the sum; its cost is None if there are requests and none has a price."""
        known = self.unpriced < self.requests or not self.requests
        cost = float(self.cost) if known else None
        return UsageTotal(self.usage(), self.requests, cost, self.unpriced)


class SessionSum:
    """A session's running sum and its last requests."""

    __slots__ = ("created", "history", "model", "sum", "updated")

    def __init__(self, history_limit: int | None) -> None:
        """Keep the last `history_limit` requests, all of them for None."""
        self.sum = Sum()
        self.history: deque[TokenUsage] = deque(maxlen=history_limit)
        self.model = ""
        self.created = self.updated = 0

    def add(self, request: UsageRequest, cost: Decimal | None) -> None:
        """Add a request and its cost in USD."""
        first = not self.sum.requests
        self.sum.add(request.usage, cost)
        self.history.append(request.usage)
        self.created = request.at if first else min(self.created, request.at)
        if first or request.at >= self.updated:
            self.updated, self.model = request.at, request.model_name

    def copy(self) -> SessionSum:
        """Return an independent copy."""
        other = SessionSum(self.history.maxlen)
        other.sum = copy(self.sum)
        other.history.extend(self.history)
        other.model, other.created, other.updated = self.model, self.created, self.updated
        return other

    def snapshot(self, session_id: str) -> SessionTokenUsage:
        """Return the session as it is now."""
        return SessionTokenUsage(
            session_id=session_id,
            model_name=self.model,
            total_usage=self.sum.usage(),
            request_history=list(self.history),
            created_at=self.created / 1_000_000,
            last_updated=self.updated / 1_000_000,
            older_requests=self.sum.requests - len(self.history),
            total=self.sum.total(),
        )


class PeriodUsage(NamedTuple):
    """The usage from `start` to the start of the next period."""

    start: datetime
    total: UsageTotal


def by_period(
    requests: Iterable[UsageRequest], period: str, zone: tzinfo | None, prices: PriceTable
) -> list[PeriodUsage]:
    """Return the periods that have requests, the earliest first."""
    sums: dict[int, Sum] = {}
    start = end = 0
    for request in requests:
        if not start <= request.at < end:
            start, end = period_bounds(request.at, period, zone)
        sums.setdefault(start, Sum()).add(request.usage, cost_of(request, prices))
    return [
        PeriodUsage(timestamps.to_datetime(at).astimezone(zone), found.total())
        for at, found in sorted(sums.items())
    ]


def by_user(requests: Iterable[UsageRequest], prices: PriceTable) -> dict[str, UsageTotal]:
    """Return the totals of the users, ordered by name; "" is an unknown user."""
    sums: dict[str, Sum] = {}
    for request in requests:
        sums.setdefault(request.user, Sum()).add(request.usage, cost_of(request, prices))
    return {user: found.total() for user, found in sorted(sums.items())}
