"""Helpers that know nothing about ledgers: JSON, times, redaction, terminal text, errors."""
