"""Say of an error of the system which file it is about, and what to do next."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = "free some space, then run this again"
_NEXT = {
    None: "`tokentrack verify` says where, `tokentrack repair` keeps what can be read",
    errno.EACCES: "check its owner and mode, and those of its folder",
    errno.EAGAIN: "run this again",
    errno.EDQUOT: _FULL,
    errno.EFBIG: "raise the limit on the size of files, then run this again",
    errno.EIO: "the disk may fail: copy the folder to another one",
    errno.EISDIR: "move the folder away",
    errno.ELOOP: "put a file of its own in the place of the link",
    errno.ENOSPC: _FULL,
    errno.ENOTDIR: "it must be a folder of its own, and no link",
    errno.ENXIO: "put a file of its own in its place",
    errno.EPERM: "it must be a plain file of yours, with one link",
    errno.EROFS: "the file system is mounted read-only",
}
# Where the system's own words would not say it.
_WHAT = {errno.EISDIR: "is a folder", errno.ELOOP: "is a link"}


def sentence_of(error: OSError) -> str:
    """Return an error as one sentence: the file if it is known, what is wrong, what to do next."""
    what = _WHAT.get(error.errno or 0) or error.strerror or str(error)
    if not isinstance(error.filename, str):
        return what
    advice = _NEXT.get(error.errno, "`tokentrack doctor` looks for the reason")
    return f"{error.filename}: {what}: {advice}"


@contextmanager
def with_path(folder: str, name: str) -> Iterator[None]:
    """Let every error of the system name its file with its path, by default a folder's `name`.

    What is reached from an open folder is known by its name alone, and a write by nothing.
    """
    try:
        yield
    except OSError as error:
        found = error.filename
        name = found if isinstance(found, str) else name
        # The folder itself is opened by its name in the one above.
        is_folder = name == os.path.basename(folder)
        error.filename = folder if is_folder else os.path.join(folder, name)
        raise
