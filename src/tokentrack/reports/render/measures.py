"""The columns of numbers that a report can show, and those that compare it with another time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.reports.answer import REPRICED, TOKEN_BASES
from tokentrack.reports.comparison.compared_days import BEFORE, CHANGE, before_of
from tokentrack.reports.credit_texts import UNKNOWN, credits_text
from tokentrack.reports.render.figures import (
    basis_mark,
    cost_text,
    count_text,
    rate_text,
    share_text,
    time_text,
    tokens_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PLACES = {"credits_per_turn": 2}
# A row's key for the currency of its costs, and the usual one.
CURRENCY, USD = "currency", "USD"


class Measure(NamedTuple):
    """A column of numbers: what `--show` calls it, which metrics it needs, when it is dropped."""

    title: str
    metrics: tuple[str, ...]
    drop: int
    text: Callable[[Mapping[str, Any]], str]


def _failed(row: Mapping[str, Any]) -> str:
    failed = row["failed"]
    if isinstance(failed, bool):  # a row by `failed`: all of its turns or none
        failed *= row["turns"]
    return share_text(failed, row["turns"])


def _mark(row: Mapping[str, Any]) -> str:
    estimated, unknown = (row.get(name) for name in TOKEN_BASES)
    return basis_mark(is_estimated=bool(estimated), is_unknown=bool(unknown))


def _tokens(row: Mapping[str, Any]) -> str:
    return tokens_text(row["tokens"], _mark(row))


def _rate(row: Mapping[str, Any]) -> str:
    return rate_text(row["tokens_per_second"], _mark(row))


def _credits_of(metric: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: credits_text(row[metric], _PLACES.get(metric, 1))


def _cost_of(metric: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: cost_text(row[metric], row.get(CURRENCY, USD))


# In the order in which they are shown. The highest number is dropped first.
MEASURES = {
    measure.title: measure
    for measure in (
        Measure("turns", ("turns",), 0, lambda row: count_text(row["turns"])),
        Measure("credits", ("credits",), 0, _credits_of("credits")),
        Measure("cost", ("cost",), 1, _cost_of("cost")),
        Measure("tokens", ("tokens",), 2, _tokens),
        Measure("time", ("seconds",), 3, lambda row: time_text(row["seconds"])),
        Measure("failed", ("failed", "turns"), 1, _failed),
        Measure("wasted", ("credits_failed",), 4, _credits_of("credits_failed")),
        Measure("rate", ("tokens_per_second",), 4, _rate),
        Measure("cr/turn", ("credits_per_turn",), 5, _credits_of("credits_per_turn")),
    )
}  # fmt: skip
# What is shown with the prices of another day.
OTHER_PRICES = {name: Measure(name, (name,), 1, _cost_of(name)) for name in REPRICED}
USUAL = ("turns", "credits", "tokens", "time", "failed", "wasted", "cr/turn")


def compared(measures: Sequence[Measure], metric: str) -> list[Measure]:
    """Return measures with what a metric was before and how it has changed, after the metric.

    These and the metric are kept longest; where the metric has no column yet, it gets one.
    """
    own = next((m for m in measures if m.metrics[0] == metric), None) or measure_of(metric)
    found = []
    for measure in measures if own in measures else [*measures, own]:
        if measure is not own:
            found.append(measure._replace(drop=measure.drop + 2))
            continue
        found.append(measure._replace(drop=0))
        found.append(Measure(BEFORE, (BEFORE,), 1, _before(metric)))
        found.append(Measure(CHANGE, (CHANGE,), 0, _change(metric)))
    return found


def measure_of(metric: str) -> Measure:
    """Return the column of a metric; one that `--show` does not know has the metric's name."""
    known = [*MEASURES.values(), *OTHER_PRICES.values()]
    found = next((m for m in known if m.metrics[0] == metric), None)
    name = metric.replace("_", " ")
    return found or Measure(name, (metric,), 0, lambda row: count_text(row[metric]))


def _before(metric: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: _text(metric, {**row, **_bases_before(row)}, row[BEFORE])


def _bases_before(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(before_of(name)) for name in TOKEN_BASES}


def _change(metric: str) -> Callable[[Mapping[str, Any]], str]:
    def text(row: Mapping[str, Any]) -> str:
        value = row[CHANGE]
        if value is None:
            return UNKNOWN
        amount = value.removeprefix("-") if isinstance(value, str) else abs(value)
        sign = "" if not float(value) else "-" if float(value) < 0 else "+"
        both = {name: row.get(name) or was for name, was in _bases_before(row).items()}
        return sign + _text(metric, {**row, **both}, amount)

    return text


def _text(metric: str, row: Mapping[str, Any], value: Any) -> str:
    # The share of failed turns has no difference; their number has one.
    if metric == "failed":
        return count_text(value)
    return measure_of(metric).text({**row, metric: value})
