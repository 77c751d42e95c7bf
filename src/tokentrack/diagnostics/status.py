"""The facts behind `tokentrack status`: whether turns are recorded, and what is in the way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.common.timestamps import format_us
from tokentrack.diagnostics.checks import NOTES, findings_for_status
from tokentrack.importing.summary import history_hint
from tokentrack.maintenance.real_numbers import count_pending
from tokentrack.reports.ledger.statistics import size_of
from tokentrack.reports.pricing.account_credits import account_credits

if TYPE_CHECKING:
    from tokentrack.diagnostics.setup import Setup
    from tokentrack.reports.ledger.ledger_totals import LedgerTotals
    from tokentrack.store.paths import LedgerPaths


def collect_status(setup: Setup) -> dict[str, Any]:
    """Return the state of a workspace's recording as JSON values.

    `problems` is empty when all is well; `notes` has what may surprise. Unknown numbers are None.
    `ledger` and `credits` have what is in the ledger, `today` the users' own of the local day;
    `account` is the account's own view, if the IDE keeps one.
    """
    totals = setup.ledger
    found = findings_for_status(setup)
    return {
        "enabled": setup.is_enabled,
        "workspace": setup.root or None,
        "hooks": [hook._asdict() for hook in setup.hooks],
        "ledger": _ledger(setup.paths, totals),
        "today": dict(totals.today),
        "credits": {
            "total": totals.total["credits"],
            "rows": totals.known,
            "waiting": count_pending(setup.paths),
        },
        "account": account_credits(setup.environ),
        "waiting": setup.waiting._asdict(),
        **found,
        NOTES: [*found[NOTES], *_hint(setup)],
        "provenance": {"source": totals.source},
    }


def _ledger(paths: LedgerPaths, found: LedgerTotals) -> dict[str, Any]:
    total = found.total
    return {
        "path": paths.path,
        "exists": os.path.exists(paths.path),
        "bytes": size_of(paths),
        "rows": found.rows,
        "turns": total["turns"],
        "tokens": total["tokens"],
        "basis": dict(found.basis),
        "errors": total["failed"],
        "elapsed_seconds": total["seconds"] if found.timed else None,
        "timed_rows": found.timed,
        "first": _iso(found.first),
        "last": _iso(found.last),
        "damaged": found.damaged,
        "problem": found.problem,
    }


def _iso(at: int | None) -> str | None:
    return None if at is None else format_us(at)


def _hint(setup: Setup) -> list[str]:
    hint = history_hint(setup.paths, setup.environ, before=setup.ledger.first)
    return [hint] if hint else []
