"""Describe errors of the operating system: which file, what is wrong, and what to do next."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from tokentrack.errors import FileSystemError

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = "free some space, then run this again"
# The fix for each errno; None is an error that a reader of the ledger raised itself.
_FIXES = {
    None: "run `tokentrack verify` to see the damage, `tokentrack repair` to fix it",
    errno.EACCES: "check its owner and mode, and those of its folder",
    errno.EAGAIN: "run this again",
    errno.EDQUOT: _FULL,
    errno.EFBIG: "raise the file size limit, then run this again",
    errno.EIO: "copy the folder to another disk, as this one may be failing",
    errno.EISDIR: "move the folder away",
    errno.ELOOP: "replace the link with a file",
    errno.ENOSPC: _FULL,
    errno.ENOTDIR: "it must be a folder, not a file or a link",
    errno.ENXIO: "replace it with a regular file",
    errno.EPERM: "it must be a regular file of yours with one hard link",
    errno.EROFS: "mount the file system for writing",
}
# Clearer words than the system's own.
_PROBLEMS = {errno.EISDIR: "is a folder", errno.ELOOP: "is a link"}


def sentence_of(error: OSError) -> str:
    """Return an error as one sentence: the file, what is wrong, and the fix.

    An error that does not name its file is described by its problem alone.
    """
    problem = _PROBLEMS.get(error.errno or 0) or error.strerror or str(error)
    if not isinstance(error.filename, str):
        return problem
    fix = _FIXES.get(error.errno, "run `tokentrack doctor` to find the cause")
    return f"{error.filename}: {problem}; {fix}"


@contextmanager
def with_path(folder: str, name: str) -> Iterator[None]:
    """Complete the file name of every error of the system to a path in a folder.

    A file that is opened relative to an open folder is named without its path in the error, and a
    write error names no file at all. Then `name` is used.
    """
    try:
        yield
    except FileSystemError:
        raise  # a whole sentence already
    except OSError as error:
        found = error.filename
        name = found if isinstance(found, str) else name
        # The folder itself is named so when it is opened relative to its parent.
        is_folder = name == os.path.basename(folder)
        error.filename = folder if is_folder else os.path.join(folder, name)
        raise
