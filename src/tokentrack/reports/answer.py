"""An answer: rows of labels and metrics, their total, and where the numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.reports.aggregates import OVER_NAMES
from tokentrack.reports.credit_texts import decimal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date
    from fractions import Fraction

    from tokentrack.reports.comparison.compared_days import Comparison
    from tokentrack.reports.groups import Numbers
    from tokentrack.reports.pricing.plan import Rates
    from tokentrack.reports.pricing.price_table import PriceTable
    from tokentrack.reports.spans import When

_MICROSECONDS = 1_000_000
# Ratios of credits are rounded to 10^-9.
_RATIO_UNIT = 10**18


def _per_turn(numbers: Numbers) -> int | None:
    if numbers.credits is None or not numbers.known:
        return None
    unit = _RATIO_UNIT * numbers.known
    return (numbers.credits + unit // 2) // unit * _RATIO_UNIT


def _same(value: Any) -> Any:
    return value


def _seconds(micros: int) -> float:
    return micros / _MICROSECONDS


def _money(amount: Fraction) -> str:
    from tokentrack.reports.pricing.money import money_text

    return money_text(amount)


def _more(name: str) -> Callable[[Numbers], int | None]:
    return lambda numbers: numbers.more[name]


def _tokens_per_second(numbers: Numbers) -> float | None:
    tokens, micros = numbers.more["timed_tokens"], numbers.more["timed_micros"]
    return None if tokens is None or not micros else tokens * _MICROSECONDS / micros


def _rate(value: float) -> float:
    return round(value, 3)


# The sort key of each metric, and how it is shown.
_METRICS: dict[str, tuple[Callable[[Numbers], Any], Callable[[Any], Any]]] = {
    "turns": (lambda n: n.turns, _same),
    "credits": (lambda n: n.credits, decimal_text),
    "credits_unknown": (lambda n: n.turns - n.known - n.requests, _same),
    "tokens": (lambda n: n.tokens, _same),
    "seconds": (lambda n: n.micros, _seconds),
    "failed": (lambda n: n.failed, _same),
    "credits_failed": (lambda n: n.failed_credits, decimal_text),
    "credits_per_turn": (_per_turn, decimal_text),
    "cost": (lambda n: n.cost, _money),
    "repriced": (lambda n: None if n.cost is None else n.cost + n.difference, _money),
    "difference": (lambda n: None if n.cost is None else n.difference, _money),
    "tokens_per_second": (_tokens_per_second, _rate),
    "input_tokens": (_more("input"), _same),
    "output_tokens": (_more("output"), _same),
    "cached_tokens": (_more("cached"), _same),
    "tokens_estimated": (_more("estimated_tokens"), _same),
    "tokens_unknown": (_more("unknown_tokens"), _same),
}
# The further sums that a metric needs.
_NEEDS = {
    "cost": OVER_NAMES,
    "repriced": OVER_NAMES,
    "difference": OVER_NAMES,
    "tokens_per_second": ("timed_tokens", "timed_micros"),
    "input_tokens": ("input",),
    "output_tokens": ("output",),
    "cached_tokens": ("cached",),
    "tokens_estimated": ("estimated_tokens",),
    "tokens_unknown": ("unknown_tokens",),
}
METRICS = tuple(_METRICS)
USUAL_METRICS = METRICS[:7]
# The part of the tokens that is estimated, and the part of which that is not known.
TOKEN_BASES = METRICS[-2:]
COST = "cost"
# The basis of the cost of tracked requests.
BY_TOKENS = "token-prices"
# What requests would cost at the prices of another day.
REPRICED = ("repriced", "difference")
COSTS = (COST, *REPRICED)


def sums_needed(metrics: Iterable[str]) -> list[str]:
    """Return the names of the sums that metrics need in addition to `aggregates.NUMBERS`."""
    return list(dict.fromkeys([name for metric in metrics for name in _NEEDS.get(metric, ())]))


def number_of(metric: str, numbers: Numbers) -> Any:
    """Return what rows are sorted by; None is unknown."""
    return _METRICS[metric][0](numbers)


def metrics_of(names: Sequence[str], numbers: Numbers) -> dict[str, Any]:
    """Return metrics as an answer has them: credits as exact decimal text, None for unknown."""
    found = {}
    for name in names:
        number, show = _METRICS[name]
        value = number(numbers)
        found[name] = None if value is None else show(value)
    return found


class Query(NamedTuple):
    """A question about the turns of some ledgers.

    Attributes:
        by: up to three dimensions, such as `day`, `model` or `tag:customer`; without any there
            is only the total.
        metrics: the numbers of each row.
        where: by dimension the accepted values; `!x` excludes x, "" stands for unknown.
        since: the first day or time; see `spans.find_span`. None is open.
        until: the last day, or the time before which turns count.
        tz: the time zone of days and hours; without one, the system's.
        sort: a dimension or a metric, with `-` in front for the other direction. By default times
            come in their order, other rows with the most credits first.
        limit: how many rows; 0 for all.
        rates: how credits are priced, where `cost` is one of the metrics.
        prices: how tracked requests are priced; by default as `tokentrack.usage` prices them.
        prices_as_of: a date: `repriced` is the cost with the prices of requests on that date, and
            `difference` how much more that is. A request without a price on one of the two dates
            keeps its cost.
    """

    by: Sequence[str] = ()
    metrics: Sequence[str] = USUAL_METRICS
    where: Mapping[str, Sequence[str]] = {}
    since: When = None
    until: When = None
    tz: str | None = None
    sort: str = ""
    limit: int = 0
    rates: Rates | None = None
    prices: PriceTable | None = None
    prices_as_of: date | str | None = None


class Answer:
    """What the ledgers say.

    Attributes:
        query: the question.
        since: where its time begins, in microseconds since the epoch; None is open.
        until: where it ends, before which turns count; None is open.
        tz: the name of the time zone.
        rows: dictionaries of labels and metrics; None is unknown; credits and costs
            (in `currency`) are decimal text.
        more_rows: how many rows the limit left out.
        total: the metrics of all turns, each counted once.
        provenance: where the numbers come from: `credits` (turns whose credits are `reported` or
            `unknown`), `requests` (turns that a program tracked), `tokens` (`reported`,
            `estimated`, `unknown`), `unpriced_turns` (turns whose cost is unknown; None where
            costs were not asked for), `duplicates` and `superseded` (further rows of these
            turns), `before_reset` (by session: requests that only the total has, since their
            session's count was restarted after them), `usage_without_turn` (usage rows of no
            turn, whenever they were recorded), `skipped` (rows that can't be read, each with
            `file`, `line` and `reason`; line 0 is a whole file), and `source` (`index` or
            `scan`).
        unreadable: by the path of each ledger that could not be read, why.
        comparison: what it is compared with; None without one.
    """

    __slots__ = (
        "comparison", "more_rows", "provenance", "query", "rows", "since", "total", "tz",
        "unreadable", "until",
    )  # fmt: skip

    def __init__(
        self,
        query: Query,
        since: int | None,
        until: int | None,
        tz: str,
        unreadable: dict[str, str],
    ) -> None:
        """Begin an answer; the rest is filled in."""
        self.query = query
        self.since = since
        self.until = until
        self.tz = tz
        self.unreadable = unreadable
        self.rows: list[dict[str, Any]] = []
        self.more_rows = 0
        self.total: dict[str, Any] = {}
        self.provenance: dict[str, Any] = {}
        self.comparison: Comparison | None = None

    @property
    def columns(self) -> list[str]:
        """The keys of its rows in their order."""
        names = [*self.query.by, *[m for m in self.query.metrics if m not in self.query.by]]
        if self.comparison is not None:
            at = names.index(self.comparison.metric) + 1
            names[at:at] = ["before", "change"]
        return names

    @property
    def currency(self) -> str:
        """The currency of its costs."""
        rates = self.query.rates
        return "USD" if rates is None else rates.plan.currency.code

    @property
    def cost_basis(self) -> list[str]:
        """The prices of its costs in words, in parts; none if it has no costs."""
        rates = self.query.rates
        if rates is None:
            return []
        found = list(rates.texts)
        if self.provenance["requests"]:
            found.append("tracked requests at their token prices")
        if self.query.prices_as_of is not None:
            found.append(f"repriced as of {self.query.prices_as_of}")
        return found

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame; credits and costs stay exact text.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from tokentrack.reports.export.extras import load_extra

        columns = list(self.rows[0]) if self.rows else [*self.query.by, *self.query.metrics]
        return load_extra("pandas", "pandas").DataFrame(self.rows, columns=columns)

    def __repr__(self) -> str:
        return f"Answer(by={list(self.query.by)!r}, rows={len(self.rows)}, total={self.total!r})"
