"""What tracked requests used: sessions, periods, budgets."""
