"""The numbers of `TokenTracker.get_statistics`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from tokentrack.ledger_summary import summarise_ledger
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.place import rescue_folder

if TYPE_CHECKING:
    from tokentrack.tracker import TokenTracker


def collect_statistics(tracker: TokenTracker, started: float, recorded: int) -> dict[str, Any]:
    """Return the ledger's totals and this tracker's own counts, as JSON values.

    Args:
        tracker: whose ledger is read.
        started: when the tracker was made, by `time.monotonic`.
        recorded: how many records this tracker has written.
    """
    ledger = summarise_ledger(tracker.place)
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
        "waiting_in_spool": _waiting(tracker),
        "csv_file_path": tracker.place.path,
        "csv_file_size_bytes": ledger["bytes"],
        "problem": ledger["problem"],
        "enabled": tracker.config.enabled,
        "recorded_by_this_tracker": recorded,
        "uptime_seconds": time.monotonic() - started,
        "errors": tracker.error_handler.get_error_statistics(),
    }


def _waiting(tracker: TokenTracker) -> int:
    try:
        with (
            tracker.place.open_folder(create=False) as folder,
            folder.child(tracker.place.state) as state,
        ):
            waiting = len(spool.waiting(state))
    except OSError:
        waiting = 0
    try:
        with Directory.open(rescue_folder(tracker.place, os.environ)) as rescued:
            return waiting + len(spool.waiting(rescued))
    except OSError:
        return waiting
