"""Rotate, back up and compress when due: after a command, in the Python API, never in the hook."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.formatting import counted
from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.common.timestamps import now_us
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance import backup, rotation
from tokentrack.maintenance.locked import lock_drained, lock_for_maintenance
from tokentrack.recorder.recorder import Recorder
from tokentrack.recorder.set_aside import work_off
from tokentrack.store import spool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_WAIT_SECONDS = 0.2
_SPOOL_SECONDS = 1.0
_PAUSE_SECONDS = 60
_next_check: dict[str, float] = {}  # by the ledger's path, on the monotonic clock


class Maintained(NamedTuple):
    """What was done, one sentence each, and why the rest was not, "" if nothing is left."""

    done: list[str]
    problem: str = ""


def maintain(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], wait: float = 0.0
) -> Maintained:
    """Record the events that wait, then rotate, back up and compress what is due.

    Never fails: what can't be done now is due the next time. Rows are never removed here:
    `tokentrack prune` does that.

    Args:
        paths: the ledger.
        config: what is due.
        environ: the environment.
        wait: how many seconds to wait for the ledger's lock, and to record waiting events.
    """
    done: list[str] = []
    problem = _record_waiting(paths, config, environ, max(wait, _SPOOL_SECONDS), done)
    try:
        if _is_anything_due(paths, config):
            _run(paths, config, environ, max(wait, _WAIT_SECONDS), done)
    except TokenTrackError as error:
        problem = str(error)
    except OSError as error:
        problem = sentence_of(error)
    return Maintained(done, problem)


def run_due(paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]) -> list[str]:
    """Do what is due like `maintain`, unless the configuration says otherwise; return sentences.

    The reason why something can't be done now is one of the sentences.
    """
    if not config.auto_maintenance:
        return []
    done, problem = maintain(paths, config, environ)
    return [*done, f"maintenance was postponed: {problem}"] if problem else done


def run_due_at_times(paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]) -> None:
    """Do what is due like `run_due`, but check at most once a minute in a process."""
    now = time.monotonic()
    if now >= _next_check.get(paths.path, 0.0):
        _next_check[paths.path] = now + _PAUSE_SECONDS
        run_due(paths, config, environ)


def _record_waiting(
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    seconds: float,
    done: list[str],
) -> str:
    # Returns why events could not be recorded, "" if they were.
    before = spool.count_waiting(paths, environ)
    try:
        with with_path(paths.folder, paths.ledger):
            Recorder(paths, config, environ).drain()  # also what a drain left half done
            work_off(paths, config, environ, seconds)
    except OSError as error:
        return sentence_of(error)
    recorded = before - spool.count_waiting(paths, environ)
    if recorded > 0:
        done.append(f"recorded {counted(recorded, 'event')} that waited")
    return ""


def _is_anything_due(paths: LedgerPaths, config: TrackerConfig) -> bool:
    try:
        folder = paths.open_folder(create=False)
    except FileNotFoundError:
        return False  # no ledger yet
    with with_path(paths.folder, paths.ledger), folder:
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
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    wait: float,
    done: list[str],
) -> None:
    # Rotation comes first: what is in an archive needs no backup.
    with paths.open_folder(create=False) as folder:
        must_rotate = bool(rotation.reason_to_rotate(folder, paths, config, now_us()))
    if must_rotate:
        with lock_drained(paths, config, environ) as ledger:
            _rotate(ledger, config, done)
    with lock_for_maintenance(paths, config, environ, wait) as ledger:
        _back_up(ledger, config, done)
        if config.compression_enabled:
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
