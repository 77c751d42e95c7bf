"""A model's price, the spellings of its name, and the built-in table of prices."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, NotRequired, TypedDict

PER_TOKENS = 1000


class ModelPrice(TypedDict):
    """A price in USD per 1,000 tokens, with its source and the day when it was checked there.

    Without `cached`, cached tokens cost a tenth of the input.
    """

    input: float
    output: float
    cached: NotRequired[float]
    source: NotRequired[str]
    as_of: NotRequired[str]


# Read at each look-up, since a program may add its own models.
MODEL_PRICING: dict[str, ModelPrice] = {
    "claude-opus-4.6": {
        "input": 0.015,
        "output": 0.075,
        "cached": 0.0015,
        # Kept from earlier versions of this project; the list price is a third of it.
        "source": "Anthropic's list price of claude-opus-4.1",
        "as_of": "2026-11-21",
    },
    "claude-sonnet-4.5": {
        "input": 0.003,
        "output": 0.015,
        "cached": 0.0003,
        "source": "Anthropic's list price",
        "as_of": "2026-11-21",
    },
    "claude-haiku-4.5": {
        "input": 0.001,
        "output": 0.005,
        "cached": 0.0001,
        "source": "Anthropic's list price",
        "as_of": "2026-11-21",
    },
}


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a model in USD per 1,000 tokens; the input includes the cached tokens."""

    input: Decimal
    output: Decimal
    cached: Decimal
    source: str
    as_of: str

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Decimal:
        """Return the cost in USD, exactly."""
        plain = (input_tokens - cached_tokens) * self.input
        return (plain + cached_tokens * self.cached + output_tokens * self.output) / PER_TOKENS

    def to_dict(self) -> ModelPrice:
        """Return the price as an entry of `MODEL_PRICING`."""
        return {
            "input": float(self.input),
            "output": float(self.output),
            "cached": float(self.cached),
            "source": self.source,
            "as_of": self.as_of,
        }


class PriceHistory(NamedTuple):
    """The prices of a model, each from a time on.

    Attributes:
        steps: the times in microseconds since the epoch, in rising order, and the prices.
    """

    steps: tuple[tuple[int, Price], ...]

    def at(self, at: int) -> Price | None:
        """Return the price that was in force at a time, None before the first one."""
        return next((price for since, price in reversed(self.steps) if since <= at), None)


# The spellings of Bedrock and Anthropic: `us.anthropic.claude-sonnet-4-5-20250929-v1:0`.
_CLAUDE = re.compile(
    r"(?:[a-z]{2,6}\.)?(?:anthropic[./])?(claude-[a-z]+)-(\d{1,2})[.-](\d{1,2})"
    r"(?:-\d{8})?(?:-v\d+(?:[:-]\d+)?)?"
)


def canonical_model(name: str) -> str:
    """Return a Claude model's name in the form `claude-sonnet-4.5`, any other name unchanged."""
    match = _CLAUDE.fullmatch(name.strip().lower().replace("_", "-"))
    return f"{match[1]}-{match[2]}.{match[3]}" if match else name


def built_in(entry: ModelPrice) -> Price:
    """Return an entry of `MODEL_PRICING` as a price."""
    source = entry.get("source", "the program's own price")
    return _price(
        entry["input"], entry["output"], entry.get("cached"), source, entry.get("as_of", "")
    )


@functools.lru_cache
def _price(rate: float, output: float, cached: float | None, source: str, as_of: str) -> Price:
    whole = Decimal(str(rate))
    part = whole / 10 if cached is None else Decimal(str(cached))
    return Price(whole, Decimal(str(output)), part, source=source, as_of=as_of)
