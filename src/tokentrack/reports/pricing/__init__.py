"""Prices of models in USD, each with its source and date.

The sources, in order of precedence: the user's own file, `MODEL_PRICING`, and genai-prices if the
extra `prices` is installed. A model without a price in any of them costs None, never 0.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokentrack.reports.pricing.price import MODEL_PRICING, ModelPrice, Price, canonical_model
    from tokentrack.reports.pricing.price_table import (
        PRICES_NAME,
        PRICES_VARIABLE,
        PriceTable,
        prices_in_force,
    )

__all__ = [
    "MODEL_PRICING",
    "PRICES_NAME",
    "PRICES_VARIABLE",
    "ModelPrice",
    "Price",
    "PriceTable",
    "canonical_model",
    "prices_in_force",
]

_OF_PRICE = ("MODEL_PRICING", "ModelPrice", "Price", "canonical_model")


def __getattr__(name: str) -> object:
    # The plan's prices need none of these.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{'price' if name in _OF_PRICE else 'price_table'}")
    return getattr(module, name)
