"""What a model's tokens cost in USD, from where that price is, and since when it holds.

Three sources, the strongest first: the user's own file, `MODEL_PRICING`, and genai-prices where
the extra `prices` is installed. A model that none of them knows has no price: its
cost is None, never 0.
"""

from tokentrack.reports.pricing.price import MODEL_PRICING, ModelPrice, Price, canonical_model
from tokentrack.reports.pricing.table import (
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
