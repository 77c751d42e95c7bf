"""The ledger's lock: `flock` on the very file that `filelock.FileLock` locks.

Both exclude each other, and each other's threads, since every holder opens the file anew. The
kernel's lock needs no import of 31 ms, and goes with its process, however that ends. filelock
itself serves the systems without `flock`.
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
    """A held lock."""

    __slots__ = ("_held",)

    def __init__(self, held: Any) -> None:
        """Keep a locked descriptor, or filelock's lock."""
        self._held = held

    def release(self) -> None:
        """Let go; the file stays, since removing it would split the lock in two."""
        if isinstance(self._held, int):
            # Closing alone would leave the lock with a child that was forked meanwhile.
            fcntl.flock(self._held, fcntl.LOCK_UN)
            os.close(self._held)
        else:
            self._held.release()


def acquire(directory: Directory, name: str, seconds: float) -> Lock | None:
    """Wait for the lock at most `seconds`; None when another holder kept it.

    Raises:
        OSError: the lock file can't be opened.
    """
    if not _HAS_FLOCK:
        return _acquire_portably(os.path.join(directory.path, name), seconds)
    deadline = time.monotonic() + seconds
    while True:
        descriptor = directory.open_file(name, os.O_RDWR | os.O_CREAT)
        try:
            locked = _try_until(descriptor, deadline)
            if locked and _is_current(directory, name, descriptor):
                held, descriptor = descriptor, -1
                return Lock(held)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        if not locked:
            return None


def _try_until(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _is_current(directory: Directory, name: str, descriptor: int) -> bool:
    # Some releases of filelock remove the file when they let go: a lock on a removed file
    # excludes nobody.
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
