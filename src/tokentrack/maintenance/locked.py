"""Lock a ledger for work on its files, in a state from which no row can be recorded twice.

`lock_for_maintenance` is enough for work that moves no row. `lock_drained` is for work that moves
or removes rows, `lock_for_repair` for work that rewrites a damaged file. Each of them creates
nothing where there is no ledger.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.errors import FileSystemError
from tokentrack.maintenance.open_executions import close_recorded, forget_offsets
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.recorder import Recorder
from tokentrack.recorder.set_aside import work_off
from tokentrack.store import archive_names, archives, spool
from tokentrack.store.append import ForeignFileError
from tokentrack.store.atomic import remove_temporaries
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import JOURNAL_NAME, LockedLedger, lock_ledger
from tokentrack.store.paths import rescue_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths


class NoLedgerError(FileSystemError):
    """There is no file of a ledger: neither rows nor backups nor queued events."""

    def __init__(self, paths: LedgerPaths) -> None:
        super().__init__(f"there is no ledger at {paths.path}")


@contextmanager
def open_folder(paths: LedgerPaths) -> Iterator[Directory]:
    """Open a ledger's folder for reading; every system error names its file.

    Raises:
        NoLedgerError: there is no ledger.
        FileSystemError: its folder can't be used.
    """
    try:
        folder = paths.open_folder(create=False)
    except OSError as error:
        raise _unusable(paths, error) from error
    with with_path(paths.folder, paths.ledger), folder:
        ours = _pattern(paths)
        if not any(name == paths.state or ours.fullmatch(name) for name in folder.names()):
            raise NoLedgerError(paths)
        yield folder


@contextmanager
def lock_for_maintenance(
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    seconds: float | None = None,
    *,
    may_create: bool = False,
) -> Iterator[LockedLedger]:
    """Lock a ledger; afterwards record what arrived in the spool meanwhile.

    Every system error names its file.

    Args:
        paths: the ledger.
        config: how long to wait for the lock, and how to record.
        environ: the environment.
        seconds: how long to wait instead.
        may_create: whether the caller may create the ledger, so that its folder is enough.

    Raises:
        NoLedgerError: there is no ledger.
        FileSystemError: another process kept the lock.
    """
    if not may_create:
        with open_folder(paths):
            pass  # the lock would create files
    ledger = _lock(paths, config.file_lock_timeout_seconds if seconds is None else seconds)
    try:
        with with_path(paths.folder, paths.ledger), ledger:
            _remove_leftovers(ledger)
            yield ledger
    finally:
        # Writers that could not get the lock left their events in the spool.
        with suppress(OSError):
            Recorder(paths, config, environ).drain()


@contextmanager
def lock_drained(
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    *,
    may_create: bool = False,
) -> Iterator[LockedLedger]:
    """Lock a ledger when nothing is left to record that it may already have.

    After a crash an event can be in the spool, or its execution still open, although its row is
    written. The recorder recognises such a row by its id, in the last 128 KiB of the ledger or
    after the offset at which the ledger ended when the execution started. A rotation, a removal or
    a large addition moves the row out of that range, and it would be written again. So here the
    spool is empty, no execution is open whose id is in the ledger, and the others are searched for
    in the whole file. The recorder then never has to search archives.

    Args:
        paths: the ledger.
        config: how long to wait for the lock, and how to record.
        environ: the environment.
        may_create: whether the caller may create the ledger, so that its folder is enough.

    Raises:
        NoLedgerError: there is no ledger.
        FileSystemError: its lock is not free, or the spool can't be emptied.
    """
    if not may_create:
        with open_folder(paths):
            pass  # draining would create files
    with _lock_idle(paths, config, environ, with_spool=True) as ledger:
        _complete_last_lines(ledger)
        close_recorded(ledger)
        forget_offsets(ledger)
        yield ledger


@contextmanager
def lock_for_repair(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]
) -> Iterator[LockedLedger]:
    """Lock a ledger when no drain was interrupted: it would resume at a byte offset.

    The spool need not be empty: what is in it may wait for this repair.

    Raises:
        NoLedgerError: there is no ledger.
        FileSystemError: its lock is not free, or a drain can't be finished.
    """
    with open_folder(paths):
        pass  # draining would create files
    with _lock_idle(paths, config, environ, with_spool=False) as ledger:
        forget_offsets(ledger)
        yield ledger


@contextmanager
def _lock_idle(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], *, with_spool: bool
) -> Iterator[LockedLedger]:
    deadline = time.monotonic() + max(config.file_lock_timeout_seconds, 1.0)
    while True:
        problem = _drain(paths, config, environ, _left(deadline))
        left = _left(deadline)
        with lock_for_maintenance(paths, config, environ, left, may_create=True) as ledger:
            queued = _count_queued(ledger, environ) if with_spool else 0
            if not queued and not ledger.state.has(JOURNAL_NAME):
                yield ledger
                return
        if problem or not _left(deadline):
            why = problem or "new ones keep arriving"
            raise FileSystemError(
                f"events are still queued for {paths.path} ({why}): see `tokentrack status` and "
                "`tokentrack verify`, or run this again"
            )


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _drain(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], seconds: float
) -> str:
    # Recording no items still drains the spool. Returns why that failed, "" if it did not.
    try:
        with with_path(paths.folder, paths.ledger):
            Recorder(paths, config, environ).write((), seconds)
            work_off(paths, config, environ, seconds)
    except OSError as error:
        return sentence_of(error)
    return ""


def _unusable(paths: LedgerPaths, error: OSError) -> FileSystemError:
    if isinstance(error, FileNotFoundError):
        return NoLedgerError(paths)
    error.filename = paths.folder
    return FileSystemError(f"the ledger's folder can't be used: {sentence_of(error)}")


def _lock(paths: LedgerPaths, seconds: float) -> LockedLedger:
    try:
        ledger = lock_ledger(paths, seconds, create=False)
    except OSError as error:
        raise _unusable(paths, error) from error
    if ledger is None:
        raise FileSystemError(
            f"another process holds the lock of {paths.path}: wait for it and run this again"
        )
    return ledger


def _remove_leftovers(ledger: LockedLedger) -> None:
    # A killed job leaves temporary files, or a compressed copy next to the archive that is read.
    folder, paths = ledger.folder, ledger.paths
    ours = _pattern(paths)
    remove_temporaries(folder, lambda name: ours.fullmatch(name) is not None)
    for active in (paths.ledger, paths.usage):
        for archive in archive_names.archives_in(folder, active):
            if archives.has_copy(folder, archive):
                folder.remove(archive + archive_names.COMPRESSED)


def _pattern(paths: LedgerPaths) -> re.Pattern[str]:
    # The names of a ledger, its usage ledger, their archives and their backups.
    stems = "|".join(re.escape(archive_names.stem_of(name)) for name in (paths.ledger, paths.usage))
    return re.compile(
        rf"(?:{stems})(?:_\d{{8}}(?:_\d+)?|_backup_\d{{8}}_\d{{6}}(?:_\d+)?(?:_before_restore)?)?\.csv(?:\.gz)?"
    )


def _count_queued(ledger: LockedLedger, environ: Mapping[str, str]) -> int:
    count = len(spool.waiting(ledger.state))
    rescued = rescue_folder(ledger.paths, environ)
    if os.path.isdir(rescued):
        with Directory.open(rescued) as parent:
            count += len(spool.waiting(parent))
    return count


def _complete_last_lines(ledger: LockedLedger) -> None:
    # Each append completes a torn last line or sets it aside, also an append of nothing.
    folder, paths = ledger.folder, ledger.paths
    try:
        if folder.has(paths.usage):
            ledger.append_usage(USAGE_COLUMNS, [], durable=True)
        if folder.has(paths.ledger):
            ledger.append(COLUMNS, [], durable=True)
    except ForeignFileError as error:
        raise FileSystemError(
            f"{error.filename} is not a valid ledger: run `tokentrack verify`"
        ) from error
