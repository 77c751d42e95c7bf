"""The prices in force: each model's price from the first source that has one."""

from __future__ import annotations

import functools
import logging
import os
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from tokentrack import workspace
from tokentrack.common import timestamps
from tokentrack.reports.pricing.overrides import read_overrides, unreadable
from tokentrack.reports.pricing.price import (
    MODEL_PRICING,
    Price,
    PriceHistory,
    built_in,
    canonical_model,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PRICES_NAME = "token_prices.json"
PRICES_VARIABLE = "TOKENTRACK_PRICES"
_MORE_PRICES = "run `pip install genai-prices` for more prices"

_log = logging.getLogger(__name__)


class PriceTable:
    """The prices in force: overrides, then `MODEL_PRICING`, then genai-prices."""

    def __init__(
        self, overrides: Mapping[str, Price | PriceHistory] | None = None, *, extra: bool = True
    ) -> None:
        """Keep the overrides; `extra` allows genai-prices for models that the tables lack."""
        self._overrides = dict(overrides or {})
        self._extra = extra
        self._unknown: set[str] = set()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, extra: bool = True) -> Self:
        """Return the prices with those of a file in the format of docs/usage.md.

        Raises:
            FileSystemError: the file can't be read.
            ValidationError: with every problem of the file.
        """
        return cls(read_overrides(path), extra=extra)

    def price(self, model: str, at: datetime | None = None) -> Price | None:
        """Return a model's price from the overrides or `MODEL_PRICING`, None for another model.

        Args:
            model: the model's name.
            at: when the price was in force; now for None.
        """
        for name in (model, canonical_model(model)):
            found = self._known(name)
            if isinstance(found, PriceHistory):
                moment = timestamps.now_us() if at is None else timestamps.from_datetime(at)
                found = found.at(moment)
            if found is not None:
                return found
        return None

    def fixed_price(self, model: str) -> Price | None:
        """Return a model's price if it is the same at all times, and for any number of tokens."""
        known = self._known(model)
        found = known if known is not None else self._known(canonical_model(model))
        return found if isinstance(found, Price) else None

    def has_price(self, model: str) -> bool:
        """Tell whether a model has a price at some time."""
        names = (model, canonical_model(model))
        return any(self._known(name) for name in names) or self.cost(model, 0, 0) is not None

    def cost(
        self,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        at: datetime | None = None,
    ) -> Decimal | None:
        """Return a request's cost in USD, None for a model without a price.

        Args:
            model: the model's name as Kiro, Anthropic or Bedrock spell it.
            input_tokens: all input, cached tokens included.
            output_tokens: all output.
            cached_tokens: the part of the input that was read from the cache.
            at: the time of the request, for prices that changed; now for None.
        """
        price = self.price(model, at)
        if price is not None:
            return price.cost(input_tokens, output_tokens, cached_tokens)
        if model in self._unknown:
            return None
        found = self._ask_extra(model, (input_tokens, output_tokens, cached_tokens), at)
        if found is None:
            self._unknown.add(model)
            _log.info("%s", self.explain(model))
            return None
        return Decimal(found.total_price)

    def explain(self, model: str) -> str:
        """Return one sentence: the source of a model's price, or how to add one."""
        price = self.price(model)
        if price is not None:
            return f"{model}: {price.source}, {price.as_of}"
        found = self._ask_extra(model, (1, 1, 0), None)
        if found is not None:
            return f"{model}: the table of genai-prices {_genai_prices().__version__}"
        hint = f", or {_MORE_PRICES}" if self._extra and _genai_prices() is None else ""
        return f"{model!r} has no price: add it to {PRICES_NAME}{hint}"

    def _known(self, name: str) -> Price | PriceHistory | None:
        if name in self._overrides:
            return self._overrides[name]
        return built_in(MODEL_PRICING[name]) if name in MODEL_PRICING else None

    def _ask_extra(self, model: str, counts: tuple[int, int, int], at: datetime | None) -> Any:
        library = _genai_prices() if self._extra else None
        if library is None:
            return None
        usage = library.Usage(
            input_tokens=counts[0], output_tokens=counts[1], cache_read_tokens=counts[2]
        )
        try:
            return library.calc_price(usage, canonical_model(model), genai_request_timestamp=at)
        except LookupError:
            return None


def prices_in_force(environ: Mapping[str, str] | None = None) -> PriceTable:
    """Return the prices with those of the user's file.

    That is the file that `TOKENTRACK_PRICES` names, or else `~/.kiro/token_prices.json`.

    Raises:
        FileSystemError: the file that `TOKENTRACK_PRICES` names can't be read.
        ValidationError: with every problem of the file.
    """
    environ = os.environ if environ is None else environ
    named = environ.get(PRICES_VARIABLE)
    path = named or os.path.join(workspace.kiro_home(environ), PRICES_NAME)
    try:
        status = os.stat(path)
    except OSError as error:
        if named:
            raise unreadable(path, error) from error
        return _prices_of("", 0, 0)
    return _prices_of(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _prices_of(path: str, _changed: int, _size: int) -> PriceTable:
    # Cached by the file's state, since a status line asks every few seconds.
    return PriceTable.load(path) if path else PriceTable()


@functools.cache
def _genai_prices() -> Any:
    try:
        return import_module("genai_prices")
    except ImportError:
        return None
