"""Read a file that may be anything: a FIFO, a loop, a disk image, half a hook."""

from __future__ import annotations

import os
import stat

from tokentrack.hookfiles.findings import Problem, error

LARGEST = 16 * 1024 * 1024
# A FIFO put at the path after the first look must not hold us up.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_TOO_LARGE = error(
    None,
    f"the file is larger than {LARGEST // 1024 // 1024} MiB and was not read",
    "a hook file holds a few lines of JSON: move everything else out of it",
)
_NOT_REGULAR = error(
    None,
    "this is not a regular file and was not opened",
    "put an ordinary file here, or remove it",
)


def read_bytes(path: str) -> bytes | Problem:
    """Return the content of a regular file, or what keeps it from being read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return _NOT_REGULAR
        with open(os.open(path, _FLAGS), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return _NOT_REGULAR
            data = file.read(LARGEST + 1)
    except OSError as problem:
        return unreadable(problem)
    return data if len(data) <= LARGEST else _TOO_LARGE


def unreadable(problem: OSError) -> Problem:
    """Say why a file or folder cannot be read."""
    reason = problem.strerror or type(problem).__name__
    return error(None, f"it cannot be read ({reason})", "mend its permissions or remove it")
