"""Which thresholds of which budgets have given their alert: a small file beside the ledger.

It is read and written under the ledger's lock, so one process alone gives each alert. Without it
the alerts of the current periods would come once more, so it may be deleted.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from tokentrack.usage.budgets import BudgetAlert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.usage.budgets import BudgetSpend

ALERTS_NAME = "usage_alerts.json"
_MAX_FILE = 1024 * 1024


def new_alerts(state: Directory, spends: Sequence[BudgetSpend]) -> list[BudgetAlert]:
    """Return the alerts that are due and were not given before; the caller holds the lock.

    Raises:
        OSError: what was given can't be noted; nothing is given then.
    """
    given = _read(state)
    due = [alert for spend in spends for alert in _due(spend, given)]
    if due:
        data = json.dumps(given, indent=1, sort_keys=True).encode()
        state.replace(ALERTS_NAME, data, durable=True)
    return due


def _due(spend: BudgetSpend, given: dict[str, Any]) -> list[BudgetAlert]:
    # Notes what it returns; a past period's thresholds make room for the current one's.
    status = spend.status()
    period = "" if status.period_start is None else status.period_start.astimezone(UTC).isoformat()
    noted = given.get(spend.key)
    if not isinstance(noted, dict) or noted.get("period") != period:
        noted = {}
    known = list(noted.get("thresholds", ()))
    reached = [share for share in spend.reached() if share not in known]
    if reached:
        given[spend.key] = {"period": period, "thresholds": known + reached}
    return [BudgetAlert(share, status) for share in reached]


def _read(state: Directory) -> dict[str, Any]:
    try:
        data = state.read(ALERTS_NAME, _MAX_FILE)
    except FileNotFoundError:
        return {}
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        return given
    # Damaged: kept aside, as evidence.
    state.rename_to(ALERTS_NAME, state, f"{ALERTS_NAME}.corrupt")
    return {}
