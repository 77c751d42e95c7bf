"""Write a file whole or not at all, from chunks: for rewrites too large to keep in memory."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from tokentrack.store.directory import Directory, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_TEMPORARY = re.compile(r"(.+)\.[0-9a-f]{12}\.tmp")


def replace_file(folder: Directory, name: str, chunks: Iterable[bytes]) -> None:
    """Replace a file by the chunks, or make it; it survives a power loss.

    A temporary file in the same folder, fsync, rename, fsync of the folder: whoever looks sees the
    old file or the new one. The caller holds the lock.

    Raises:
        OSError: it can't be written; the old file is still there.
    """
    temporary = f"{name}.{os.urandom(6).hex()}.tmp"
    descriptor = folder.open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        try:
            for chunk in chunks:
                write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder.rename_to(temporary, folder, name)
    except BaseException:
        folder.remove(temporary)
        raise
    folder.sync()


def remove_temporaries(folder: Directory, is_ours: Callable[[str], bool]) -> None:
    """Remove what a killed rewrite left of the files that `is_ours` names, under the lock.

    Raises:
        OSError: the folder can't be read or a file can't be removed.
    """
    for entry in folder.names():
        found = _TEMPORARY.fullmatch(entry)
        if found and is_ours(found[1]) and is_file(folder, entry):
            folder.remove(entry)


def is_file(folder: Directory, name: str) -> bool:
    """Tell whether an entry is a regular file: no folder, no link, no FIFO."""
    try:
        return stat.S_ISREG(folder.status(name).st_mode)
    except OSError:
        return False


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a temporary file beside `path`, mode 0600, which takes its name at the end.

    Raises:
        OSError: it can't be written; what was there before is still there.
    """
    with Directory.of_file(path, create=True) as (folder, name):
        if folder.has(name) and not stat.S_ISREG(folder.status(name).st_mode):
            raise OSError(errno.EPERM, "no regular file", name)
        temporary = f"{name}.{os.urandom(6).hex()}.tmp"
        descriptor = folder.open_file(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            folder.rename_to(temporary, folder, name)
        except BaseException:
            folder.remove(temporary)
            raise
        folder.sync()
