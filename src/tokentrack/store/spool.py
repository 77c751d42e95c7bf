"""Where events wait that could not be recorded at once: a maildir, `tmp/` and `new/`.

A file is whole before it appears in `new/`, so no reader ever sees a part of one. Names start
with the event's time, and are taken in that order; they end in the event's size, so that a look
at the folder is enough to know how full it is.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.store.directory import Directory

# A spool that is full takes no more; processes that put at the same moment can pass the bounds by
# one event each.
MAX_EVENTS = 20_000
MAX_BYTES = 256 * 1024 * 1024
# The longest prompt that a configuration allows takes 12 MB.
MAX_EVENT_BYTES = 32 * 1024 * 1024
# What waits longer is recorded all the same; somebody should know.
OVERDUE_DAYS = 30

_DAY_US = 24 * 3600 * 1_000_000


class SpoolFullError(OSError):
    """The spool holds as much as it may."""

    def __init__(self) -> None:
        """Say so with the errno of a used-up quota."""
        super().__init__(errno.EDQUOT, "the spool is full")


def put(parent: Directory, at: int, data: bytes, *, durable: bool) -> str:
    """Leave an event in the spool of a folder and return its name.

    Args:
        parent: the folder that has the spool, or gets it.
        at: the event's time in microseconds since the epoch.
        data: the event.
        durable: whether to return only when a power loss can't take it away.

    Raises:
        OSError: it could not be written, or the spool is full; nothing is left behind in `new/`.
    """
    if len(data) > MAX_EVENT_BYTES:
        raise OSError(errno.EFBIG, "the event is larger than a spool takes")
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
    # Looks at no more names than may be there, however many are.
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
    """Open the folder of waiting events, None when there is none."""
    try:
        with parent.child("spool") as spool:
            return spool.child("new")
    except OSError:
        return None


def is_waiting(parent: Directory) -> bool:
    """Tell whether an event waits, without a look at all of them."""
    new = open_new(parent)
    if new is None:
        return False
    with new:
        return not is_empty(new)


def is_empty(new: Directory) -> bool:
    """Tell whether nothing waits in an open folder."""
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
        OSError: it can't be read, or is larger than any that was put here.
    """
    size = new.status(name).st_size
    if size > MAX_EVENT_BYTES:
        raise OSError(errno.EFBIG, "larger than an event", name)
    return new.read_tail(name, size)


def remove_leftovers(parent: Directory, before: float) -> None:
    """Remove what killed processes left unfinished in a folder and in its spool's `tmp/`.

    Args:
        parent: the folder that has the spool.
        before: what was changed later, in seconds since the epoch, may still be written.
    """
    try:
        _remove_old(parent, [name for name in parent.names() if name.endswith(".tmp")], before)
        with parent.child("spool") as spool, spool.child("tmp") as tmp:
            _remove_old(tmp, tmp.names(), before)
    except OSError:
        pass  # no spool, or none of ours


def _remove_old(folder: Directory, names: list[str], before: float) -> None:
    for name in names:
        try:
            folder.remove_old(name, before)
        except OSError:
            continue  # a folder of this name is none of ours
