"""A ledger's totals by the names of the Python API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.common.timestamps import format_us
from tokentrack.reports.ledger.ledger_totals import ledger_totals
from tokentrack.reports.scope import own_scope
from tokentrack.store import spool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.paths import LedgerPaths


def ledger_statistics(paths: LedgerPaths, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the totals of a ledger as `TokenTracker.get_statistics` has them.

    Raises:
        FileSystemError: its folder kept changing.
    """
    found = ledger_totals(own_scope(paths, environ))
    total, timed = found.total, found.timed
    turns, tokens = total["turns"], total["tokens"]
    seconds = total["seconds"] if timed else None
    return {
        "transactions_recorded": turns,
        "credits": total["credits"],
        "credits_unknown": total["credits_unknown"],
        "credits_failed": total["credits_failed"],
        "total_tokens_tracked": tokens,
        "average_tokens_per_transaction": None if tokens is None or not turns else tokens / turns,
        "token_basis": dict(found.basis),
        "total_elapsed_time": seconds,
        "average_elapsed_time": None if seconds is None else seconds / timed,
        "transactions_with_errors": total["failed"],
        "error_rate": total["failed"] / turns if turns else None,
        "first_transaction": _iso(found.first),
        "last_transaction": _iso(found.last),
        "ledger_rows": found.rows,
        "damaged_rows": found.damaged_count,
        "waiting_in_spool": spool.count_waiting(paths, environ),
        "csv_file_path": paths.path,
        "csv_file_size_bytes": size_of(paths),
        "problem": found.problem,
    }


def size_of(paths: LedgerPaths) -> int:
    """Return the size of a ledger's active file in bytes, 0 where there is none."""
    try:
        return os.stat(paths.path).st_size
    except OSError:
        return 0


def _iso(at: int | None) -> str | None:
    return None if at is None else format_us(at)
