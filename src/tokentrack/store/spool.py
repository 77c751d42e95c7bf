"""The spool: a maildir (`tmp/` and `new/`) of events that could not be recorded at once.

A file is complete before it is moved to `new/`, so readers never see a part of one. A name starts
with the event's time, which gives the order, and ends with its size, so that listing the folder is
enough to know how full the spool is.
"""

from __future__ import annotations

import errno
import os
import time

from tokentrack.store.directory import Directory
from tokentrack.store.paths import rescue_folder

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.paths import LedgerPaths

# A full spool accepts no more events; processes that put one at the same moment can exceed the
# bounds by one event each.
MAX_EVENTS = 20_000
MAX_BYTES = 256 * 1024 * 1024
# The longest prompt that a configuration allows takes 12 MB.
MAX_EVENT_BYTES = 16 * 1024 * 1024
# Older events are still recorded; `status` and `doctor` warn about them.
OVERDUE_DAYS = 30

_DAY_US = 24 * 3600 * 1_000_000
# A folder with more names than this was not filled by this program.
_MOST_NAMES = MAX_EVENTS + 1000
_MOST_COUNTED = 10 * MAX_EVENTS
_MOST_LEFTOVERS = 100
_NEW, _ASIDE = "new", "aside-"
_TIME_DIGITS = (17, 18)  # 18 from the year 5138 on
_SETTLED_SECONDS = 60
_HEX = frozenset("0123456789abcdef")


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


def is_event_name(name: str) -> bool:
    """Tell whether `put` can have given a file this name."""
    return 0 < _size_of(name) <= MAX_EVENT_BYTES


def _size_of(name: str) -> int:
    # The size in the name of an event's file; 0 for any other name.
    at, _, rest = name.partition("-")
    parts = rest.split(".")
    if len(at) not in _TIME_DIGITS or len(parts) != 3 or len(parts[0]) != 12 or parts[2] != "json":
        return 0
    digits = at + parts[1]
    if not (digits.isascii() and digits.isdigit() and _HEX.issuperset(parts[0])):
        return 0
    return int(parts[1]) if 0 < len(parts[1]) <= 9 else 0


def open_new(parent: Directory) -> Directory | None:
    """Open the folder of waiting events; None when there is none."""
    try:
        with parent.child("spool") as spool:
            return spool.child(_NEW)
    except OSError:
        return None


def is_waiting(parent: Directory) -> bool:
    """Tell whether anything is waiting, without listing all of it."""
    new = open_new(parent)
    if new is None:
        return False
    with new:
        return not is_empty(new)


def is_empty(new: Directory) -> bool:
    """Tell whether an open folder is empty."""
    return next(new.scan(), None) is None


def look(new: Directory, most: int = _MOST_NAMES) -> tuple[list[str], list[str], bool]:
    """Look at the names in an open folder of waiting events, at `most` of them.

    Returns the events, the other entries, and whether those are all.
    """
    events: list[str] = []
    others: list[str] = []
    for name, is_file in new.scan_files():
        if len(events) + len(others) >= most:
            return events, others, False
        (events if is_file and is_event_name(name) else others).append(name)
    return events, others, True


def waiting(parent: Directory) -> list[str]:
    """Return the names of the waiting events, the oldest first, in all folders of the spool."""
    found: list[str] = []
    try:
        with parent.child("spool") as spool:
            for name in [_NEW, *_set_aside(spool)]:
                if spool.has(name):
                    with spool.child(name) as folder:
                        found += look(folder, _MOST_COUNTED)[0]
    except OSError:
        pass  # no spool, or something else of that name
    return sorted(found)


def set_aside(parent: Directory) -> bool:
    """Rename the folder of waiting events as a whole, for `take_back`; return whether it worked.

    That takes the same time whatever is in it.
    """
    try:
        with parent.child("spool") as spool:
            spool.rename_to(_NEW, spool, f"{_ASIDE}{int(time.time()):012d}-{os.urandom(6).hex()}")
    except OSError:
        return False
    return True


def has_set_aside(parent: Directory) -> bool:
    """Tell whether a folder waits for `take_back`."""
    try:
        with parent.child("spool") as spool:
            return _set_aside(spool) != []
    except OSError:
        return False


def take_back(parent: Directory, most: int) -> bool:
    """Move events from the folders that were set aside back to those that are waiting.

    What is not an event goes to the quarantine with its folder when no event is left in it.
    Returns whether an event is left.

    Args:
        parent: the folder of the spool; the caller holds the ledger's lock.
        most: how many events to move.

    Raises:
        OSError: they can't be moved.
    """
    from tokentrack.store import quarantine

    moved = 0
    if not has_set_aside(parent):
        return False
    with parent.child("spool") as spool, spool.child(_NEW, create=True) as new:
        for name in _set_aside(spool):
            with spool.child(name) as folder:
                for event, is_file in folder.scan_files():
                    if is_file and is_event_name(event):
                        if moved >= most:
                            return True
                        folder.rename_to(event, new, event)
                        moved += 1
                has_more = not is_empty(folder)
            if not has_more:
                spool.remove_folder(name)
            elif f"{_ASIDE}{int(time.time()) - _SETTLED_SECONDS:012d}" > name:
                # A process that opened the folder before it was renamed has put its event by now.
                quarantine.set_aside(parent, spool, name, "not events")
    return False


def _set_aside(spool: Directory) -> list[str]:
    return [name for name in spool.scan() if name.startswith(_ASIDE)][:_MOST_LEFTOVERS]


def count_waiting(paths: LedgerPaths, environ: Mapping[str, str]) -> int:
    """Return how many events of a ledger wait, in its own spool and in the user's."""
    count = 0
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            count += len(waiting(state))
    except OSError:
        pass  # nothing was recorded here yet
    try:
        with Directory.open(rescue_folder(paths, environ)) as rescued:
            return count + len(waiting(rescued))
    except OSError:
        return count


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
        TooLargeError: it is larger than an event can be.
        OSError: it can't be read.
    """
    return new.read_whole(name, MAX_EVENT_BYTES)


def remove_leftovers(parent: Directory, before: float) -> None:
    """Remove some unfinished files of killed processes, in a folder and in its spool's `tmp/`.

    Args:
        parent: the folder of the spool.
        before: a time in seconds since the epoch; newer files may still be in use.
    """
    try:
        _remove_old(parent, before, ".tmp")
        with parent.child("spool") as spool, spool.child("tmp") as tmp:
            _remove_old(tmp, before, "")
    except OSError:
        pass  # no spool, or something else of that name


def _remove_old(folder: Directory, before: float, end: str) -> None:
    for count, name in enumerate(folder.scan()):
        if count >= _MOST_LEFTOVERS:
            return
        if name.endswith(end):
            try:
                folder.remove_old(name, before)
            except OSError:
                continue  # a folder of this name
