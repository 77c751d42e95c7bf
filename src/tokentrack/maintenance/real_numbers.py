"""Add the numbers that Kiro has written since the turns were recorded, waiting if asked to."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import TokenTrackError
from tokentrack.store.pending import due_notes, is_of_crew

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths

_POLL_SECONDS = 0.5
_ANSWER_SECONDS = 0.2
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
    from tokentrack.kiro.reconcile.fill_in import fill_in
    from tokentrack.maintenance.locked import lock_for_maintenance
    from tokentrack.recorder.recorder import Recorder

    deadline = time.monotonic() + wait
    filled = 0
    with suppress(OSError):  # what can't be recorded now has no note yet
        Recorder(paths, config, environ).drain()
    while True:
        if not _notes(paths):
            return Reconciled(filled, 0)
        with lock_for_maintenance(paths, config, environ, lock_seconds) as ledger:
            names = due_notes(ledger.state, _ENDLESS)
            filled += fill_in(ledger, names, environ, config)
        left_over = count_pending(paths)
        left = deadline - time.monotonic()
        if not left_over or left <= 0:
            return Reconciled(filled, left_over)
        time.sleep(min(_POLL_SECONDS, left))


def add_new_numbers(ledgers: Iterable[LedgerPaths], environ: Mapping[str, str]) -> int:
    """Add to ledgers what Kiro has written since, before an answer about them.

    Never fails and takes 0.2 s at most, however many ledgers there are: another process may hold a
    lock, or a file may not be writable. What is not found stays pending as it is.

    Returns:
        how many executions got numbers.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
    filled = 0
    for paths in ledgers:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        if names := _notes(paths):
            with suppress(TokenTrackError, OSError):
                filled += _add_to(paths, names, environ, left)
    return filled


def _add_to(
    paths: LedgerPaths, names: list[str], environ: Mapping[str, str], seconds: float
) -> int:
    from tokentrack.config.sources import load_config, own_root
    from tokentrack.kiro.reconcile.fill_in import fill_in
    from tokentrack.recorder.recorder import Recorder
    from tokentrack.store.ledger import lock_ledger
    from tokentrack.workspace import kiro_home

    root = paths.base if paths.folders else ""
    if own_root(root, environ) != root:
        return 0  # another user's
    config, _ = load_config(root, kiro_home(environ), environ)
    ledger = lock_ledger(paths, 0, create=False)
    if ledger is None:
        return 0
    try:
        with ledger:
            return fill_in(ledger, names, environ, config, seconds=seconds, postpones=False)
    finally:
        # Writers that could not get the lock meanwhile left their events in the spool.
        with suppress(OSError):
            Recorder(paths, config, environ).drain()


def count_pending(paths: LedgerPaths) -> int:
    """Return how many executions are pending, without Crew's, which have no known source."""
    return len([name for name in _notes(paths) if not is_of_crew(name)])


def _notes(paths: LedgerPaths) -> list[str]:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            return due_notes(state, _ENDLESS)
    except OSError:
        return []
