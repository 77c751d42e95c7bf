"""Back up, rotate and compress when due: as part of a command or the Python API, never the hook."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tokentrack.common.oserrors import sentence_of
from tokentrack.common.timestamps import now_us
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance import backup, rotation
from tokentrack.maintenance.locked import lock_drained, lock_for_maintenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_WAIT_SECONDS = 0.2
_PAUSE_SECONDS = 60
_next_check: dict[str, float] = {}  # by the ledger's path, on the monotonic clock


def run_due(paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]) -> list[str]:
    """Back up, rotate and compress what is due, and return what was done, one sentence each.

    Never fails and hardly waits: what can't be done now is due the next time, and the reason is
    one of the sentences. Rows are never removed here: `tokentrack prune` does that.
    """
    try:
        with paths.open_folder(create=False) as folder:
            due = _is_anything_due(folder, paths, config)
    except OSError:
        return []  # no ledger yet, or a folder whose problem `status` reports
    done: list[str] = []
    try:
        if due:
            _run(paths, config, environ, done)
    except TokenTrackError as error:
        done.append(f"maintenance was postponed: {error}")
    except OSError as error:
        done.append(f"maintenance was postponed: {sentence_of(error)}")
    return done


def run_due_at_times(paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]) -> None:
    """Do what is due like `run_due`, but check at most once a minute in a process."""
    now = time.monotonic()
    if now >= _next_check.get(paths.path, 0.0):
        _next_check[paths.path] = now + _PAUSE_SECONDS
        run_due(paths, config, environ)


def _is_anything_due(folder: Directory, paths: LedgerPaths, config: TrackerConfig) -> bool:
    return (
        _is_backup_due(folder, paths, config)
        or bool(rotation.reason_to_rotate(folder, paths, config, now_us()))
        or (config.compression_enabled and bool(rotation.uncompressed(folder, paths)))
    )


def _is_backup_due(folder: Directory, paths: LedgerPaths, config: TrackerConfig) -> bool:
    seconds = now_us() / 1_000_000
    return config.backup_enabled and backup.is_due(
        folder, paths, config.backup_interval_hours, seconds
    )


def _run(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], done: list[str]
) -> None:
    with lock_for_maintenance(paths, config, environ, _WAIT_SECONDS) as ledger:
        _back_up(ledger, config, done)
        due = rotation.reason_to_rotate(ledger.folder, paths, config, now_us())
    if due:
        with lock_drained(paths, config, environ) as ledger:
            _rotate(ledger, config, done)
    if config.compression_enabled:
        with lock_for_maintenance(paths, config, environ, _WAIT_SECONDS) as ledger:
            done += [f"compressed to {name}" for name in rotation.compress_archives(ledger)]


def _back_up(ledger: LockedLedger, config: TrackerConfig, done: list[str]) -> None:
    # Looked at again under the lock: another process may just have done it.
    folder, paths = ledger.folder, ledger.paths
    if _is_backup_due(folder, paths, config):
        done.append(f"backed up to {backup.create_backup(ledger)}")
        old = backup.expired_backups(folder, paths, config.backup_keep, now_us() / 1_000_000)
        backup.remove_backups(ledger, old)


def _rotate(ledger: LockedLedger, config: TrackerConfig, done: list[str]) -> None:
    reason = rotation.reason_to_rotate(ledger.folder, ledger.paths, config, now_us())
    name = rotation.rotate(ledger, now_us()) if reason else ""
    if name:
        done.append(f"rotated to {name}: {reason}")
