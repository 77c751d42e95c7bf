"""The index: every execution of the known ledgers once, in one SQLite file that may be deleted."""
