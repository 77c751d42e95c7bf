"""From an event on standard input to a row of the ledger."""
