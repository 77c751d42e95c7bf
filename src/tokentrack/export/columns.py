"""The columns of every export."""

from __future__ import annotations

from tokentrack.models.fields import COLUMNS

# What an export has besides the ledger's columns: what the number in `tokens_used` is.
BASIS = "token_basis"
EXPORT_COLUMNS = (*COLUMNS, BASIS)
