"""How the system describes a ledger's files: enough to see which of them have changed."""

from __future__ import annotations

from tokentrack.store.archive_names import names_in

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

# Inode, size, and the times of the last change of content and of status.
Look = tuple[int, int, int, int]

_SETTLED = 2_000_000_000


def looks_in(folder: Directory, paths: LedgerPaths) -> Iterator[tuple[bool, str, Look]]:
    """Yield the files of a ledger: of both kinds, the archives by age and the active one last.

    Each is whether it is of the usage ledger, its name, and how it looks.

    Raises:
        OSError: the folder can't be read.
    """
    for is_usage, name in paths.chosen or _all_names(folder, paths):
        try:
            yield is_usage, name, look_at(folder.status(name))
        except FileNotFoundError:
            continue


def _all_names(folder: Directory, paths: LedgerPaths) -> Iterator[tuple[bool, str]]:
    kinds = [(False, paths.ledger), (True, paths.usage)]
    # A usage ledger without a ledger next to it has the name of a ledger.
    for is_usage, active in kinds if paths.usage != paths.ledger else kinds[1:]:
        for name in names_in(folder, active):
            yield is_usage, name


def look_at(status: os.stat_result) -> Look:
    """Return what a file's status says."""
    # Some systems have inodes and times beyond what SQLite can hold.
    mask = 2**63 - 1
    times = (status.st_mtime_ns & mask, status.st_ctime_ns & mask)
    return (status.st_ino & mask, status.st_size, *times)


def is_settled(look: Look, now: int) -> bool:
    """Tell whether a change of a file after `now`, in nanoseconds, would show."""
    return now - look[2] >= _SETTLED
