"""From rows to answers: filters, totals, periods, prices, exports."""
