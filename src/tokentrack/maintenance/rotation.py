"""Turn the ledger into an archive when it is large or a month old, and compress archives."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from tokentrack.maintenance.lines import first_time, has_records
from tokentrack.models.columns import COLUMNS
from tokentrack.store.archive_names import COMPRESSED, archives_in, stem_of
from tokentrack.store.archives import compress, free_archive_name, open_in

if TYPE_CHECKING:
    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_MEGABYTE = 1_000_000
_CHUNK = 1024 * 1024


def reason_to_rotate(folder: Directory, paths: LedgerPaths, config: TrackerConfig, now: int) -> str:
    """Return why the ledger should be rotated, "" when it should not.

    Raises:
        OSError: the ledger can't be read.
    """
    limit = config.rotate_max_mb
    try:
        size = folder.status(paths.ledger).st_size
    except FileNotFoundError:
        return ""
    if limit and size >= limit * _MEGABYTE:
        return f"it is larger than {limit:,} MB"
    if config.rotate_monthly:
        month = first_time(folder, paths.ledger)[:7]
        if month and month < time.strftime("%Y-%m", time.gmtime(now // 1_000_000)):
            return f"its first row is from {month}"
    return ""


def rotate(ledger: LockedLedger, now: int) -> str:
    """Turn the ledger and its usage ledger into archives; return the name, "" without any row.

    The files are renamed and not copied, so no crash can lose or double a row. The archive has the
    date of the rotation, in UTC.

    Args:
        ledger: locked by `lock_drained`.
        now: the time in microseconds since the epoch.

    Raises:
        OSError: a file can't be renamed.
    """
    folder, paths = ledger.folder, ledger.paths
    if not has_records(folder, paths):
        return ""
    date = time.strftime("%Y%m%d", time.gmtime(now // 1_000_000))
    suffix = free_archive_name(folder, (paths.ledger, paths.usage), date)
    for active in (paths.usage, paths.ledger):
        if active in folder.names():
            folder.rename_to(active, folder, f"{stem_of(active)}{suffix}.csv")
    folder.sync()
    # On a full disk the next append writes the header.
    with suppress(OSError):
        ledger.append(COLUMNS, [], durable=True)
    return f"{stem_of(paths.ledger)}{suffix}.csv"


def uncompressed(folder: Directory, paths: LedgerPaths) -> list[str]:
    """Return the archives that can be compressed: no other file has the compressed one's name."""
    return [
        archive
        for active in (paths.usage, paths.ledger)
        for archive in archives_in(folder, active)
        if not archive.endswith(COMPRESSED) and not folder.has(archive + COMPRESSED)
    ]


def compress_archives(ledger: LockedLedger) -> list[str]:
    """Compress the archives and return the names of the new files.

    The compressed file is whole and on the disk before the plain one is removed; while both exist,
    readers take the plain one.

    Raises:
        OSError: a file can't be written; the plain archive still exists.
    """
    made = []
    for name in uncompressed(ledger.folder, ledger.paths):
        with open_in(ledger.folder, name) as file:
            chunks = iter(partial(file.read, _CHUNK), b"")
            ledger.folder.replace(name + COMPRESSED, compress(chunks), durable=True)
        ledger.folder.remove(name)
        ledger.folder.sync()
        made.append(name + COMPRESSED)
    return made
