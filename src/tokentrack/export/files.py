"""A file that appears whole or not at all, for exports too large to keep in memory."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from tokentrack.store.directory import Directory

if TYPE_CHECKING:
    from collections.abc import Iterator


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
