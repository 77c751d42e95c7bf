"""The spool: a maildir (`tmp/` and `new/`) of events that could not be recorded at once.

A file is complete before it is moved to `new/`, so readers never see a part of one. A name starts
with the event's time, which gives the order, and ends with its size, so that listing the folder is
enough to know how full the spool is.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.store.directory import Directory

# A full spool accepts no more events; processes that put one at the same moment can exceed the
# bounds by one event each.
MAX_EVENTS = 20_000
MAX_BYTES = 256 * 1024 * 1024
# The longest prompt that a configuration allows takes 12 MB.
MAX_EVENT_BYTES = 32 * 1024 * 1024
# Older events are still recorded; `status` and `doctor` warn about them.
OVERDUE_DAYS = 30

_DAY_US = 24 * 3600 * 1_000_000


class SpoolFullError(OSError):
    """The spool has reached its bounds; the errno is EDQUOT, a used-up quota."""

    def __init__(self) -> None:
        super().__init__(errno.EDQUOT, "the spool is full")


def put(parent: Directory, at: int, data: bytes, *, durable: bool) -> str:
    """Write an event to the spool of a folder and return its name.

    Args:
        parent: the folder of the spool, which is created in it if necessary.
        at: the event's time in microseconds since the epoch.
        data: the event.
        durable: whether the event must survive a power loss once this returns.

    Raises:
        OSError: it could not be written, or the spool is full; `new/` is unchanged.
    """
    if len(data) > MAX_EVENT_BYTES:
        raise OSError(errno.EFBIG, "the event is too large for the spool")
    name = f"{at:017d}-{os.urandom(6).hex()}.{len(data)}.json"
    with (
        parent.child("spool", create=True) as spool,
        spool.child("tmp", create=True) as tmp,
        spool.child("new", create=True) as new,
    ):
        _check_room(new, len(data))
        tmp.create(name, data, durable=durable)
        try:
            tmp.rename_to(name, new, name)
        except OSError:
            tmp.remove(name)
            raise
        if durable:
            new.sync()
    return name


def _check_room(new: Directory, size: int) -> None:
    # Stops at the bound, however many names there are.
    events, total = 1, size
    for name in new.scan():
        events += 1
        total += _size_of(name)
        if events > MAX_EVENTS or total > MAX_BYTES:
            raise SpoolFullError


def _size_of(name: str) -> int:
    parts = name.split(".")
    return int(parts[1]) if len(parts) == 3 and parts[1].isascii() and parts[1].isdigit() else 0


def open_new(parent: Directory) -> Directory | None:
    """Open the folder of waiting events; None when there is none."""
    try:
        with parent.child("spool") as spool:
            return spool.child("new")
    except OSError:
        return None


def is_waiting(parent: Directory) -> bool:
    """Tell whether an event is waiting, without listing all of them."""
    new = open_new(parent)
    if new is None:
        return False
    with new:
        return not is_empty(new)


def is_empty(new: Directory) -> bool:
    """Tell whether an open folder is empty."""
    return next(new.scan(), None) is None


def waiting(parent: Directory) -> list[str]:
    """Return the names of the waiting events, the oldest first."""
    new = open_new(parent)
    if new is None:
        return []
    with new:
        return new.names()


def overdue(names: list[str], now: int) -> int:
    """Return how many of the waiting events are older than `OVERDUE_DAYS`.

    Args:
        names: what `waiting` returned.
        now: the time in microseconds since the epoch.
    """
    oldest = f"{max(0, now - OVERDUE_DAYS * _DAY_US):017d}"
    return sum(name[:17].isdigit() and name < oldest for name in names)


def read(new: Directory, name: str) -> bytes:
    """Return a waiting event.

    Raises:
        OSError: it can't be read, or is larger than an event can be.
    """
    size = new.status(name).st_size
    if size > MAX_EVENT_BYTES:
        raise OSError(errno.EFBIG, "larger than an event can be", name)
    return new.read_tail(name, size)


def remove_leftovers(parent: Directory, before: float) -> None:
    """Remove the unfinished files of killed processes, in a folder and in its spool's `tmp/`.

    Args:
        parent: the folder of the spool.
        before: a time in seconds since the epoch; newer files may still be in use.
    """
    try:
        _remove_old(parent, [name for name in parent.names() if name.endswith(".tmp")], before)
        with parent.child("spool") as spool, spool.child("tmp") as tmp:
            _remove_old(tmp, tmp.names(), before)
    except OSError:
        pass  # no spool, or something else of that name


def _remove_old(folder: Directory, names: list[str], before: float) -> None:
    for name in names:
        try:
            folder.remove_old(name, before)
        except OSError:
            continue  # a folder of this name
