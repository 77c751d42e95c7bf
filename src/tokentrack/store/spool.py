"""Where events wait that could not be recorded at once: a maildir, `tmp/` and `new/`.

A file is whole before it appears in `new/`, so no reader ever sees a part of one. Names start
with the event's time, and are taken in that order.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.store.directory import Directory

_MAX_EVENT = 16 * 1024 * 1024


def put(parent: Directory, at: int, data: bytes, *, durable: bool) -> str:
    """Leave an event in the spool of a folder and return its name.

    Args:
        parent: the folder that has the spool, or gets it.
        at: the event's time in microseconds since the epoch.
        data: the event.
        durable: whether to return only when a power loss can't take it away.

    Raises:
        OSError: it could not be written; nothing is left behind in `new/`.
    """
    name = f"{at:017d}-{os.urandom(6).hex()}.json"
    with (
        parent.child("spool", create=True) as spool,
        spool.child("tmp", create=True) as tmp,
        spool.child("new", create=True) as new,
    ):
        tmp.create(name, data, durable=durable)
        try:
            tmp.rename_to(name, new, name)
        except OSError:
            tmp.remove(name)
            raise
        if durable:
            new.sync()
    return name


def open_new(parent: Directory) -> Directory | None:
    """Open the folder of waiting events, None when there is none."""
    try:
        with parent.child("spool") as spool:
            return spool.child("new")
    except OSError:
        return None


def waiting(parent: Directory) -> list[str]:
    """Return the names of the waiting events, the oldest first."""
    new = open_new(parent)
    if new is None:
        return []
    with new:
        return new.names()


def read(new: Directory, name: str) -> bytes:
    """Return a waiting event.

    Raises:
        OSError: it can't be read.
    """
    return new.read(name, _MAX_EVENT)
