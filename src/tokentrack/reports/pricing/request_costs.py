"""What tracked requests used and cost, each at its own model's price of its time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import TURNS, Sum
from tokentrack.reports.conditions import is_one_of
from tokentrack.reports.dimensions import TURN, Dimension
from tokentrack.reports.groups import relabel
from tokentrack.reports.requests.token_usage import TokenUsage, UsageTotal
from tokentrack.reports.sources import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tokentrack.reports.groups import Key, Numbers, Part, Words
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
        difference: how much more they would cost at the prices of another time.
        unpriced: how many have no price.
    """

    __slots__ = ("cached", "cost", "difference", "input", "output", "requests", "unpriced")

    def __init__(self) -> None:
        self.requests = self.input = self.output = self.cached = self.unpriced = 0
        self.cost = self.difference = Fraction(0)

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
        self.difference += other.difference
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
    ask: Statements,
    by: Sequence[Dimension],
    words: Words,
    prices: PriceTable,
    other_time: datetime | None = None,
) -> dict[Key, RequestSum]:
    """Return the sums of groups of requests.

    Args:
        ask: which requests; it must be `of_requests`.
        by: what they are grouped by; the keys have its values as `Statements.run` has them.
        words: the texts of the index.
        prices: the prices.
        other_time: a time whose prices are compared.
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
        price = prices.fixed_price(name)
        if price is not None:
            total.cost += Fraction(price.cost(*counts))
        elif not prices.has_price(name):
            total.unpriced += requests
        else:
            single.add(model)
    if single:
        names = [words[model] or "" for model in single]
        asked = ask.narrowed(Filter(_MODEL, is_one_of(words, _MODEL, names)))
        for *key, model, at, given, produced, cached, requests in asked.run(
            (*by, _MODEL, *_EACH), (TURNS,), is_split=False
        ):
            name, counts = words[model] or "", (given, produced, cached)
            _add_single(found[tuple(key)], requests, prices, name, counts, at, other_time)
    return found


def _add_single(
    total: RequestSum,
    requests: int,
    prices: PriceTable,
    model: str,
    counts: tuple[int, int, int],
    at: int,
    other_time: datetime | None,
) -> None:
    # A price that depends on the time, or on the size of a request.
    cost = cost_of(prices, model, counts, at)
    if cost is None:
        total.unpriced += requests
        return
    total.cost += requests * cost
    other = None if other_time is None else prices.cost(model, *counts, other_time)
    if other is not None:
        total.difference += requests * (Fraction(other) - cost)


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
    fixed = prices.fixed_price(model)
    moment = None if fixed is not None else timestamps.to_datetime(at)
    cost = prices.cost(model, *counts, moment)
    return None if cost is None else Fraction(cost)


class RequestCosts:
    """Adds to groups of turns what the tracked requests among them cost, in USD."""

    def __init__(self, words: Words, prices: PriceTable, other_time: datetime | None) -> None:
        """Name the texts of the index, the prices, and a time whose prices are compared."""
        self._words = words
        self._prices = prices
        self._other_time = other_time

    def add_to(
        self, groups: Mapping[Key, Numbers], by: Sequence[Dimension], ask: Statements
    ) -> None:
        """Add the costs.

        Args:
            groups: the numbers of the groups, with the costs of the other turns.
            by: their dimensions.
            ask: the question.
        """
        if not any(numbers.requests for numbers in groups.values()):
            return
        sums = request_sums(ask.about_requests(), by, self._words, self._prices, self._other_time)
        parts: dict[Key, list[Part]] = {key: [(found,)] for key, found in sums.items()}
        for key, found in relabel(parts, by, self._words).items():
            numbers = groups.get(key)
            if numbers is not None:
                for (part,) in found:
                    _add_part(numbers, part)


def _add_part(numbers: Numbers, part: RequestSum) -> None:
    priced = part.requests - part.unpriced
    numbers.priced_requests += priced
    if priced:
        numbers.cost = (numbers.cost or 0) + part.cost
        numbers.difference += part.difference
