"""Prices of models in USD, each with its source and date.

The sources, in order of precedence: the user's own file, `MODEL_PRICING`, and genai-prices if the
extra `prices` is installed. A model without a price in any of them costs None, never 0.
"""

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
