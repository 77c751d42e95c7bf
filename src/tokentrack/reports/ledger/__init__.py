"""One ledger for itself: its rows, totals and statistics; and the list of known ledgers."""
