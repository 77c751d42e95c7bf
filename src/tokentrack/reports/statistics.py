"""A ledger's totals by the names of the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.reports.totals import summarise_ledger
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.paths import rescue_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.paths import LedgerPaths


def ledger_statistics(paths: LedgerPaths, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the totals of a ledger as `TokenTracker.get_statistics` has them."""
    ledger = summarise_ledger(paths)
    rows, timed = ledger["rows"], ledger["timed_rows"]
    return {
        "transactions_recorded": rows,
        "total_tokens_tracked": ledger["tokens"],
        "average_tokens_per_transaction": ledger["tokens"] / rows if rows else None,
        "token_basis": ledger["basis"],
        "total_elapsed_time": ledger["elapsed_seconds"],
        "average_elapsed_time": ledger["elapsed_seconds"] / timed if timed else None,
        "transactions_with_errors": ledger["errors"],
        "error_rate": ledger["errors"] / rows if rows else None,
        "first_transaction": ledger["first"],
        "last_transaction": ledger["last"],
        "damaged_rows": len(ledger["damaged"]),
        "waiting_in_spool": _waiting(paths, environ),
        "csv_file_path": paths.path,
        "csv_file_size_bytes": ledger["bytes"],
        "problem": ledger["problem"],
    }


def _waiting(paths: LedgerPaths, environ: Mapping[str, str]) -> int:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            waiting = len(spool.waiting(state))
    except OSError:
        waiting = 0
    try:
        with Directory.open(rescue_folder(paths, environ)) as rescued:
            return waiting + len(spool.waiting(rescued))
    except OSError:
        return waiting
