"""How the system describes a ledger's files: enough to see which of them have changed."""

from __future__ import annotations

import stat

from tokentrack.store.archive_names import COMPRESSED, archives_among

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

# Inode, size, and the times of the last change of content and of status.
Look = tuple[int, int, int, int]
# The CRC-32 of some bytes, and their number modulo 2^32.
Content = tuple[int, int]

# Some systems have inodes and times beyond what SQLite can hold.
_MASK = 2**63 - 1
_SETTLED = 2_000_000_000
_TRAILER = 8  # of a file made by gzip


def looks_in(folder: Directory, paths: LedgerPaths) -> Iterator[tuple[bool, str, Look]]:
    """Yield the files of a ledger: of both kinds, the archives by age and the active one last.

    Each is whether it is of the usage ledger, its name, and how it looks.

    Raises:
        OSError: the folder can't be read.
    """
    for is_usage, name, is_archive in _names(folder, paths):
        try:
            status = folder.status(name)
        except FileNotFoundError:
            continue
        # An archive must be a regular file. Other files count whatever they are: to open
        # a link is an error.
        if not is_archive or stat.S_ISREG(status.st_mode):
            yield is_usage, name, look_at(status)


def _names(folder: Directory, paths: LedgerPaths) -> Iterator[tuple[bool, str, bool]]:
    if paths.chosen:
        for is_usage, name in paths.chosen:
            yield is_usage, name, False
        return
    names, usage = folder.names(), paths.usage
    kinds = [(False, paths.ledger), (True, usage)]
    # A usage ledger without a ledger next to it has the name of a ledger.
    for is_usage, active in kinds if usage != paths.ledger else kinds[1:]:
        for name in archives_among(names, active):
            yield is_usage, name, True
        yield is_usage, active, False


def look_at(status: os.stat_result) -> Look:
    """Return what a file's status says."""
    return (
        status.st_ino & _MASK, status.st_size, status.st_mtime_ns & _MASK,
        status.st_ctime_ns & _MASK,
    )  # fmt: skip


def content_of_packed(folder: Directory, name: str, look: Look) -> Content | None:
    """Return what the trailer of a compressed file says of its content, None for other files.

    Raises:
        OSError: it can't be read.
    """
    if not name.endswith(COMPRESSED) or look[1] < _TRAILER:
        return None
    trailer = folder.read_tail(name, _TRAILER)
    return int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:], "little")


def is_settled(look: Look, now: int) -> bool:
    """Tell whether a change of a file after `now`, in nanoseconds, would show."""
    return now - look[2] >= _SETTLED
