"""Keep a ledger in order over the years: backups, archives, retention, verify and repair."""
