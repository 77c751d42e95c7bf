"""What tracked requests used and cost, each at its own model's price of its time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import TURNS, Sum
from tokentrack.reports.conditions import is_one_of
from tokentrack.reports.dimensions import TURN, Dimension
from tokentrack.reports.statements import Filter
from tokentrack.reports.token_usage import TokenUsage, UsageTotal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tokentrack.reports.groups import Key, Words
    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.statements import Statements

_MODEL = dimensions.find("model")
_EACH = tuple([Dimension(name, TURN, f"t.{name}") for name in ("at", "input", "output", "cached")])
# The totals of requests have the kinds of tokens.
_KINDS = ("input", "output", "cached")
_SUMS = (TURNS, *[Sum(name, f"sum({name})", f"sum({name})") for name in _KINDS])


class RequestSum:
    """Sums of some requests.

    Attributes:
        requests: how many.
        input: their input, cached tokens included.
        output: their output.
        cached: the part of their input that was read from the cache.
        cost: what those with a price cost, in USD.
        unpriced: how many have no price.
    """

    __slots__ = ("cached", "cost", "input", "output", "requests", "unpriced")

    def __init__(self) -> None:
        self.requests = self.input = self.output = self.cached = self.unpriced = 0
        self.cost = Fraction(0)

    def add(self, requests: int, counts: tuple[int, int, int]) -> None:
        """Add some requests and their input, output and cached tokens; not their cost."""
        self.requests += requests
        self.input += counts[0]
        self.output += counts[1]
        self.cached += counts[2]

    def merge(self, other: RequestSum) -> None:
        """Add the sums of other requests."""
        self.add(other.requests, (other.input, other.output, other.cached))
        self.cost += other.cost
        self.unpriced += other.unpriced

    def usage(self) -> TokenUsage:
        """Return the tokens."""
        return TokenUsage(self.input, self.output, self.cached)

    def total(self) -> UsageTotal:
        """Return the sums; the cost is None if there are requests and none has a price."""
        is_known = self.unpriced < self.requests or not self.requests
        cost = float(self.cost) if is_known else None
        return UsageTotal(self.usage(), self.requests, cost, self.unpriced)


def request_sums(
    ask: Statements, by: Sequence[Dimension], words: Words, prices: PriceTable
) -> dict[Key, RequestSum]:
    """Return the sums of groups of requests.

    Args:
        ask: which requests; it must be `of_requests`.
        by: what they are grouped by; the keys have its values as `Statements.run` has them.
        words: the texts of the index.
        prices: the prices.
    """
    found: dict[Key, RequestSum] = {}
    single: set[int | None] = set()
    groups = list(ask.run((*by, _MODEL), _SUMS, is_split=False))
    words.read(row[len(by)] for row in groups)
    for *key, model, requests, given, produced, cached in groups:
        if not requests:
            continue
        total = found.setdefault(tuple(key), RequestSum())
        counts = (given, produced, cached)
        total.add(requests, counts)
        name = words[model] or ""
        price = prices.price(name)
        if price is not None:
            total.cost += Fraction(price.cost(*counts))
        elif prices.cost(name, 0, 0) is None:
            total.unpriced += requests
        else:
            single.add(model)
    if single:
        _add_single(found, ask, by, words, prices, single)
    return found


def _add_single(
    found: dict[Key, RequestSum],
    ask: Statements,
    by: Sequence[Dimension],
    words: Words,
    prices: PriceTable,
    models: set[int | None],
) -> None:
    # Prices that depend on the time and on the size of a request.
    names = [words[model] or "" for model in models]
    asked = ask.narrowed(Filter(_MODEL, is_one_of(words, _MODEL, names)))
    for *key, model, at, given, produced, cached, requests in asked.run(
        (*by, _MODEL, *_EACH), (TURNS,), is_split=False
    ):
        total = found[tuple(key)]
        cost = cost_of(prices, words[model] or "", (given, produced, cached), at)
        if cost is None:
            total.unpriced += requests
        else:
            total.cost += requests * cost


def cost_of(
    prices: PriceTable, model: str, counts: tuple[int, int, int], at: int
) -> Fraction | None:
    """Return what a request cost in USD, None without a price.

    Args:
        prices: the prices.
        model: its model.
        counts: its input, output and cached tokens.
        at: its time in microseconds since the epoch.
    """
    moment: datetime | None = None
    if prices.price(model) is None:
        moment = timestamps.to_datetime(at)
    cost = prices.cost(model, *counts, moment)
    return None if cost is None else Fraction(cost)
