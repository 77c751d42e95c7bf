"""Add the numbers that Kiro has written since the turns were recorded, waiting if asked to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.kiro.reconcile.fill_in import fill_in
from tokentrack.maintenance.locked import lock_for_maintenance
from tokentrack.store.pending import due_notes, is_of_crew

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths

_POLL_SECONDS = 0.5
_ENDLESS = 10**11  # seconds since the epoch that no note is due after


class Reconciled(NamedTuple):
    """How many executions got their numbers, and how many are still pending."""

    filled: int
    pending: int


def reconcile(
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    wait: float = 0.0,
    lock_seconds: float | None = None,
) -> Reconciled:
    """Add what Kiro has written since, and check again until nothing is pending or time is up.

    Args:
        paths: the ledger.
        config: how to write it.
        environ: the environment, which says where Kiro's files are.
        wait: for how many seconds to check again.
        lock_seconds: how long to wait for the ledger's lock; None is the configured time.

    Raises:
        FileSystemError: the ledger can't be locked.
        OSError: it can't be written.
    """
    deadline = time.monotonic() + wait
    filled = 0
    while True:
        if not _notes(paths):
            return Reconciled(filled, 0)
        with lock_for_maintenance(paths, config, environ, lock_seconds) as ledger:
            names = due_notes(ledger.state, _ENDLESS)
            filled += fill_in(ledger, names, environ, config, seconds=None)
        left_over = count_pending(paths)
        left = deadline - time.monotonic()
        if not left_over or left <= 0:
            return Reconciled(filled, left_over)
        time.sleep(min(_POLL_SECONDS, left))


def count_pending(paths: LedgerPaths) -> int:
    """Return how many executions are pending, without Crew's, which have no known source."""
    return len([name for name in _notes(paths) if not is_of_crew(name)])


def _notes(paths: LedgerPaths) -> list[str]:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            return due_notes(state, _ENDLESS)
    except OSError:
        return []
