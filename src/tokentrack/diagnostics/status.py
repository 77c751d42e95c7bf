"""The facts behind `tokentrack status`: records, paths and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.common.timestamps import parse
from tokentrack.diagnostics.checks import NOTES, findings_for_status
from tokentrack.diagnostics.setup import Setup
from tokentrack.errors import TokenTrackError
from tokentrack.importing.summary import history_hint
from tokentrack.maintenance.real_numbers import count_pending, reconcile
from tokentrack.reports.account_credits import account_credits
from tokentrack.reports.totals import credit_totals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.paths import LedgerPaths

_LOCK_SECONDS = 0.2


def collect_status(root: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the state of a workspace's recording as JSON values.

    Args:
        root: the workspace's root; "" means the user's own ledger.
        environ: the environment.

    `problems` is empty when all is well; `notes` has what may surprise. Unknown numbers are None.
    `credits` sums what Kiro reported for the ledger's executions; `account` is the account's own
    view, if the IDE keeps one.
    """
    setup = Setup(root, environ)
    _fill_in(setup)
    found = findings_for_status(setup)
    return {
        "enabled": setup.is_enabled,
        "workspace": root or None,
        "hooks": [hook._asdict() for hook in setup.hooks],
        "ledger": {"path": setup.paths.path, **setup.ledger},
        "credits": _credits(setup.paths),
        "account": account_credits(environ),
        "waiting": setup.waiting._asdict(),
        **found,
        NOTES: [*found[NOTES], *_hint(setup)],
    }


def _fill_in(setup: Setup) -> None:
    # A process that holds the lock does it too; what can't be written now stays pending.
    try:
        reconcile(setup.paths, setup.config, setup.environ, lock_seconds=_LOCK_SECONDS)
    except (TokenTrackError, OSError):
        pass


def _credits(paths: LedgerPaths) -> dict[str, Any]:
    try:
        return {**credit_totals(paths), "waiting": count_pending(paths)}
    except OSError:  # a health check says what is wrong
        return {"total": None, "rows": 0, "waiting": count_pending(paths)}


def _hint(setup: Setup) -> list[str]:
    first = setup.ledger["first"]
    before = parse(first) if first else None
    hint = history_hint(setup.paths, setup.environ, before=before)
    return [hint] if hint else []
