"""Make, list and remove backups, and tell when one is due.

A backup is `<ledger>_backup_YYYYMMDD_HHMMSS[_N].csv`, with its time in UTC. The usage ledger's copy
of the same moment has the same suffix. What `restore --replace` replaces is kept in a backup whose
name ends with `_before_restore`; such a backup is never the newest one, and never makes one due.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import now_us
from tokentrack.errors import FileSystemError
from tokentrack.maintenance.lines import earliest_and_latest, first_time, has_records
from tokentrack.recorder.recorder import Recorder
from tokentrack.store.append import after_last_line_feed
from tokentrack.store.archive_names import COMPRESSED, stem_of
from tokentrack.store.ledger import lock_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

BEFORE_RESTORE = "_before_restore"
_BLOCK = 1024 * 1024
_HOUR = 3600
_MICROSECONDS = 1_000_000


class Backup(NamedTuple):
    """A backup: its name, its time in seconds since the epoch, and its size in bytes.

    `before_restore` says whether it holds what a restore replaced.
    """

    name: str
    at: float
    size: int
    before_restore: bool


# --- make ---


def back_up(paths: LedgerPaths, config: TrackerConfig) -> Path | None:
    """Copy the ledger and its usage ledger; return the ledger's copy, None without a ledger.

    Raises:
        FileSystemError: another process kept the lock.
        OSError: a file can't be copied.
    """
    seconds = config.file_lock_timeout_seconds
    if not os.path.lexists(paths.path):
        return None
    ledger = lock_ledger(paths, seconds, create=False)
    if ledger is None:
        raise FileSystemError(f"{paths.ledger} was locked for {seconds:g} s: try again later")
    with ledger:
        name = copy_ledger(ledger)
    # Events that came to the spool while the lock was held must not wait for the next turn.
    Recorder(paths, config, os.environ).drain()
    return Path(paths.folder, name) if name else None


def create_backup(ledger: LockedLedger) -> str:
    """Back up the ledger and its usage ledger, and return the backup's name.

    Raises:
        FileSystemError: there is no ledger yet, or it has no rows.
        OSError: the backup can't be written.
    """
    folder, paths = ledger.folder, ledger.paths
    if not folder.has(paths.ledger):
        raise FileSystemError(f"there is no ledger at {paths.path} to back up")
    if not has_records(folder, paths):
        raise FileSystemError(f"there is nothing to back up: {paths.path} has no rows")
    return copy_ledger(ledger)


def copy_ledger(ledger: LockedLedger, mark: str = "") -> str:
    """Copy the whole lines of a ledger and its usage ledger; return the name, "" without one.

    Each copy has mode 0600 and appears whole or not at all, the ledger's last. Their names end with
    `mark`.

    Raises:
        OSError: a file can't be read or copied.
    """
    folder, paths = ledger.folder, ledger.paths
    names = set(folder.names())
    if paths.ledger not in names:
        return ""
    suffix = _free_suffix(names, (paths.ledger, paths.usage), mark)
    name = _with_suffix(paths.ledger, suffix)
    if paths.usage in names:
        _copy(folder, paths.usage, _with_suffix(paths.usage, suffix))
    _copy(folder, paths.ledger, name)
    return name


def _free_suffix(names: set[str], actives: tuple[str, ...], mark: str) -> str:
    stamp = datetime.fromtimestamp(now_us() // 1_000_000, UTC).strftime("_backup_%Y%m%d_%H%M%S")
    suffix, number = stamp + mark, 0
    while any(_with_suffix(active, suffix) in names for active in actives):
        number += 1
        suffix = f"{stamp}_{number}{mark}"
    return suffix


def _with_suffix(active: str, suffix: str) -> str:
    return f"{active.removesuffix('.csv')}{suffix}.csv"


def _copy(folder: Directory, name: str, new_name: str) -> None:
    descriptor = folder.open_file(name, os.O_RDONLY)
    try:
        folder.replace(new_name, _whole_lines(descriptor), durable=True)
    finally:
        os.close(descriptor)


def _whole_lines(descriptor: int) -> Iterator[bytes]:
    # A torn last line is not a record; the next append sets it aside.
    left = after_last_line_feed(descriptor, os.fstat(descriptor).st_size)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while left and (block := os.read(descriptor, min(_BLOCK, left))):
        left -= len(block)
        yield block


# --- list ---


def list_backups(folder: Directory, paths: LedgerPaths) -> list[Backup]:
    """Return the backups of a ledger, the oldest first.

    Raises:
        OSError: the folder can't be read.
    """
    found = backups_in(folder, paths.ledger)
    return [
        Backup(name, at, folder.status(name).st_size, is_before_restore(name))
        for name, at in found.items()
    ]


def is_before_restore(name: str) -> bool:
    """Tell whether a backup holds what a restore replaced."""
    return stem_of(name).endswith(BEFORE_RESTORE)


def backups_in(folder: Directory, active: str) -> dict[str, float]:
    """Return the backups of an active file, the oldest first, with their seconds since the epoch.

    Raises:
        OSError: the folder can't be read.
    """
    pattern = re.compile(
        re.escape(stem_of(active))
        + rf"_backup_(\d{{8}}_\d{{6}})(?:_(\d{{1,6}}))?(?:{BEFORE_RESTORE})?\.csv(?:\.gz)?"
    )
    matches = [
        match
        for name in folder.names()
        if (match := pattern.fullmatch(name)) and folder.is_file(name)
    ]
    ordered = sorted(matches, key=lambda match: (match[1], int(match[2] or 0), match[0]))
    times = {match[0]: _seconds(match[1]) for match in ordered}
    return {name: at for name, at in times.items() if at is not None}


def usage_backup_of(name: str, ledger: str, usage: str) -> str:
    """Return the name of the usage ledger's copy that was made with a ledger's, uncompressed."""
    return f"{stem_of(usage)}{stem_of(name).removeprefix(stem_of(ledger))}.csv"


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.strptime(f"{stamp}+0000", "%Y%m%d_%H%M%S%z").timestamp()
    except ValueError:
        return None


# --- remove, and tell when one is due ---


def is_due(folder: Directory, paths: LedgerPaths, hours: float, now_seconds: float) -> bool:
    """Tell whether the ledger changed since a backup that is older than `hours`.

    Without a backup, the age of its first row decides. Times in the future, from a clock that was
    wrong, are ignored.

    Raises:
        OSError: the folder can't be read.
    """
    if not has_records(folder, paths):
        return False
    found = backups_in(folder, paths.ledger).items()
    times = [at for name, at in found if not is_before_restore(name)] or [_began_at(folder, paths)]
    newest = max((at for at in times if at <= now_seconds), default=0.0)
    changed = folder.status(paths.ledger).st_mtime > newest
    return changed and now_seconds - newest >= hours * _HOUR


def _began_at(folder: Directory, paths: LedgerPaths) -> float:
    bounds = earliest_and_latest(first_time(folder, paths.ledger))
    return bounds[0] / _MICROSECONDS if bounds else 0.0


def expired_backups(
    folder: Directory, paths: LedgerPaths, keep: int, now_seconds: float
) -> list[str]:
    """Return the backups beyond the newest `keep`, and usage copies without a ledger's copy.

    What restores replaced is counted apart, so that it drives out no other backup. Backups that the
    user compressed are kept. So are those dated in the future: after a wrong clock their age is
    unknown.

    Raises:
        OSError: the folder can't be read.
    """
    found = backups_in(folder, paths.ledger)
    past = [name for name, at in found.items() if at <= now_seconds and not _is_compressed(name)]
    old = []
    for kind in (False, True):
        some = [name for name in past if is_before_restore(name) is kind]
        old += some[: max(0, len(some) - keep)]
    kept = {usage_backup_of(name, paths.ledger, paths.usage) for name in found.keys() - set(old)}
    copies = [name for name in backups_in(folder, paths.usage) if not _is_compressed(name)]
    return [*old, *[name for name in copies if name not in kept]]


def _is_compressed(name: str) -> bool:
    return name.endswith(COMPRESSED)


def remove_copies(ledger: LockedLedger, name: str) -> None:
    """Remove a backup with its copy of the usage ledger.

    Raises:
        OSError: one can't be removed.
    """
    paths = ledger.paths
    remove_backups(ledger, [name, usage_backup_of(name, paths.ledger, paths.usage)])


def remove_backups(ledger: LockedLedger, names: list[str]) -> None:
    """Remove backups.

    Raises:
        OSError: one can't be removed.
    """
    for name in names:
        ledger.folder.remove(name)
    ledger.folder.sync()
