"""The ledger's lock: `flock` on the same file that `filelock.FileLock` locks.

A `flock` and a FileLock exclude each other, across processes and threads, because each holder
opens the file anew. The kernel releases a `flock` when its process ends, however it ends.
Importing filelock takes 31 ms, so it is used only on systems without `flock`.
"""

from __future__ import annotations

import os
import time

try:
    import fcntl

    _HAS_FLOCK = True
except ImportError:  # Windows
    _HAS_FLOCK = False

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any

    from tokentrack.store.directory import Directory

_POLL_SECONDS = 0.001


class Lock:
    """A lock that this process holds."""

    __slots__ = ("_locked",)

    def __init__(self, locked: Any) -> None:
        """Take a locked descriptor, or a FileLock."""
        self._locked = locked

    def release(self) -> None:
        """Release the lock. The file stays: a new file would be a second lock."""
        if isinstance(self._locked, int):
            # A child that was forked meanwhile has the descriptor too, so closing is not enough.
            fcntl.flock(self._locked, fcntl.LOCK_UN)
            os.close(self._locked)
        else:
            self._locked.release()


def acquire(directory: Directory, name: str, seconds: float) -> Lock | None:
    """Lock a file, after at most `seconds` of waiting; None when another holder keeps the lock.

    Raises:
        OSError: the lock file can't be opened.
    """
    if not _HAS_FLOCK:
        return _acquire_portably(os.path.join(directory.path, name), seconds)
    deadline = time.monotonic() + seconds
    while True:
        descriptor = directory.open_file(name, os.O_RDWR | os.O_CREAT)
        is_ours = False
        try:
            locked = _try_until(descriptor, deadline)
            is_ours = locked and _is_current(directory, name, descriptor)
        finally:
            if not is_ours:
                os.close(descriptor)
        if is_ours:
            return Lock(descriptor)
        if not locked:
            return None


def _try_until(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            _wait()
        else:
            return True


# Whether the main thread only waits: a Ctrl-C may interrupt it then; see `recorder.interrupts`.
is_waiting = False


def _wait() -> None:
    global is_waiting  # noqa: PLW0603  (a handler of signals reads it)
    is_waiting = True
    try:
        time.sleep(_POLL_SECONDS)
    finally:
        is_waiting = False


def _is_current(directory: Directory, name: str, descriptor: int) -> bool:
    # Some versions of filelock remove the file on release. A lock on a removed file does not
    # exclude a process that creates the file again.
    try:
        return os.path.samestat(os.fstat(descriptor), directory.status(name))
    except FileNotFoundError:
        return False


def _acquire_portably(path: str, seconds: float) -> Lock | None:
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=seconds, mode=0o600, fallback_to_soft=False, poll_interval=0.005)
    try:
        lock.acquire()
    except Timeout:
        return None
    return Lock(lock)
