"""A usage ledger for Kiro: each agent turn becomes one row."""

__version__ = "0.1.0"
