"""What keeps a ledger whole over the years: backups, archives, retention, verify and repair."""
