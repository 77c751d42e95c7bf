"""Copy a ledger and its usage ledger beside themselves; the caller holds the lock.

A backup is `<ledger>_backup_YYYYMMDD_HHMMSS.csv`, in UTC; a second one within a second has `_1`
at its end, and so on. One that the user compressed has `.gz` behind.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tokentrack.store.append import after_last_line_feed
from tokentrack.store.archives import stem_of
from tokentrack.store.rewrite import is_file, replace_file
from tokentrack.timestamps import now_us

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import HeldLedger

_BLOCK = 1024 * 1024


def copy_ledger(held: HeldLedger) -> str:
    """Copy the whole records of a ledger and its usage ledger; return the name, "" without one.

    Each copy has mode 0600 and appears whole or not at all, the ledger's last.

    Raises:
        OSError: a file can't be read or copied.
    """
    place = held.place
    with place.open_folder(create=False) as folder:
        names = set(folder.names())
        if place.ledger not in names:
            return ""
        suffix = _free_suffix(names, (place.ledger, place.usage))
        name = _with_suffix(place.ledger, suffix)
        if place.usage in names:
            _copy(folder, place.usage, _with_suffix(place.usage, suffix))
        _copy(folder, place.ledger, name)
        return name


def backups_in(folder: Directory, active: str) -> dict[str, float]:
    """Return the backups of an active file, the oldest first, with their seconds since the epoch.

    Raises:
        OSError: the folder can't be read.
    """
    pattern = re.compile(
        re.escape(stem_of(active)) + r"_backup_(\d{8}_\d{6})(?:_(\d{1,6}))?\.csv(?:\.gz)?"
    )
    matches = [
        match
        for name in folder.names()
        if (match := pattern.fullmatch(name)) and is_file(folder, name)
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


def _free_suffix(names: set[str], actives: tuple[str, ...]) -> str:
    stamp = datetime.fromtimestamp(now_us() // 1_000_000, UTC).strftime("_backup_%Y%m%d_%H%M%S")
    suffix, number = stamp, 0
    while any(_with_suffix(active, suffix) in names for active in actives):
        number += 1
        suffix = f"{stamp}_{number}"
    return suffix


def _with_suffix(active: str, suffix: str) -> str:
    return f"{active.removesuffix('.csv')}{suffix}.csv"


def _copy(folder: Directory, name: str, new_name: str) -> None:
    descriptor = folder.open_file(name, os.O_RDONLY)
    try:
        replace_file(folder, new_name, _whole_lines(descriptor))
    finally:
        os.close(descriptor)


def _whole_lines(descriptor: int) -> Iterator[bytes]:
    # A torn last line is no record; the next append sets it aside.
    left = after_last_line_feed(descriptor, os.fstat(descriptor).st_size)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while left and (block := os.read(descriptor, min(_BLOCK, left))):
        left -= len(block)
        yield block
