"""Parts that know nothing of a ledger: JSON, times, redaction, terminal text, system errors."""
