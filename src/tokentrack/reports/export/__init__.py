"""Exports of a ledger's records: CSV, JSON, JSON Lines, Excel and Parquet."""

from tokentrack.reports.export.records import FORMATS, export_ledger

__all__ = ["FORMATS", "export_ledger"]
