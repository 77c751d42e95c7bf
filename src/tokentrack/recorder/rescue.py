"""Keep the items of a ledger that can't be written in a spool, and count those that are lost."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from tokentrack.common.timestamps import format_us, now_us
from tokentrack.recorder import spooled
from tokentrack.recorder.log import write_log
from tokentrack.store import spool
from tokentrack.store.directory import Directory, write_all
from tokentrack.store.paths import rescue_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.events import Event
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.paths import LedgerPaths

LOSSES_NAME = "lost.log"
LEDGER_NOTE = "ledger"  # in a rescue folder: the path of the ledger whose items wait there
_MAX_NOTE = 8192
_MAX_BYTES = 1024 * 1024
_LEFT_SECONDS = 3600


def rescue(
    items: Sequence[Event | FinishedExecution],
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    cause: BaseException,
) -> int:
    """Leave items in the ledger's own spool, else in the user's; return how many are safe.

    The ledger's own spool may need less room than the ledger, or be writable where the ledger's
    file is not.
    """
    return sum(_rescue_one(item, paths, config, environ, cause) for item in items)


def _rescue_one(
    item: Event | FinishedExecution,
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    cause: BaseException,
) -> bool:
    at = spooled.time_of(item)
    try:
        data = spooled.encode(item)
    except Exception as error:  # noqa: BLE001  (what has no form can only be counted)
        count_loss(paths, environ, at, error)
        return False
    for open_folder in _folders(paths, environ):
        try:
            with open_folder() as folder:
                spool.put(folder, at, data, durable=config.durability == "fsync")
                _note(folder, config, cause)
        except Exception:  # noqa: BLE001, S112  (whatever is wrong here, the next may take it)
            continue
        return True
    count_loss(paths, environ, at, cause)
    return False


def _note(folder: Directory, config: TrackerConfig, cause: BaseException) -> None:
    # The item is safe by now.
    with suppress(Exception):
        spool.remove_leftovers(folder, now_us() / 1_000_000 - _LEFT_SECONDS)
        message = f"an event is queued in the spool ({_kind_of(cause)})"
        write_log(folder, config.log_level, "ERROR", [message])


def open_states(paths: LedgerPaths, environ: Mapping[str, str]) -> Iterator[Directory]:
    """Open, one after the other, the existing folders of a ledger's waiting items and losses.

    The caller closes each.
    """
    for open_folder in _folders(paths, environ, losses=True, create=False):
        try:
            folder = open_folder()
        except OSError:
            continue
        yield folder


def _folders(
    paths: LedgerPaths, environ: Mapping[str, str], *, losses: bool = False, create: bool = True
) -> Iterator[Callable[[], Directory]]:
    yield lambda: _open_state(paths, create=create)
    rescued = rescue_folder(paths, environ)
    yield lambda: _open_rescued(rescued, paths, create=create)
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if losses and os.path.isabs(runtime):
        # If no disk can be written, memory can. It ends with the session, so it is good enough for
        # a count, but not for an event.
        folder = os.path.join(runtime, "tokentrack", os.path.basename(rescued))
        yield lambda: Directory.open(folder, create=create)


def _open_rescued(path: str, paths: LedgerPaths, *, create: bool) -> Directory:
    folder = Directory.open(path, create=create)
    if create and not folder.has(LEDGER_NOTE):
        # It tells which workspace the events belong to after that was moved.
        with suppress(OSError):
            folder.create(LEDGER_NOTE, os.fsencode(paths.path), durable=False)
    return folder


def rescued_elsewhere(
    paths: LedgerPaths, environ: Mapping[str, str]
) -> Iterator[tuple[str, str, int]]:
    """Yield the user's folders in which items of other ledgers wait.

    Each with its ledger's path, "" where it is unknown, and the number of items.
    """
    own = rescue_folder(paths, environ)
    above = os.path.dirname(own)
    try:
        names = sorted(os.listdir(above))
    except OSError:
        return
    for path in (os.path.join(above, name) for name in names):
        with suppress(OSError), Directory.open(path) as folder:
            count = len(spool.waiting(folder)) if path != own else 0
            if count:
                noted = folder.read(LEDGER_NOTE, _MAX_NOTE) if folder.has(LEDGER_NOTE) else b""
                yield path, os.fsdecode(noted), count


def _open_state(paths: LedgerPaths, *, create: bool) -> Directory:
    with paths.open_folder(create=False) as folder:
        return folder.child(paths.state, create=create)


def _kind_of(cause: BaseException) -> str:
    # Its kind alone: a message can quote the event.
    if isinstance(cause, OSError):
        return f"errno={cause.errno}"
    return type(cause).__name__


def count_loss(
    paths: LedgerPaths, environ: Mapping[str, str], at: int, cause: BaseException
) -> None:
    """Count an event that is lost, with its time and the kind of error, where that is possible."""
    line = f"{format_us(at)} {_kind_of(cause)}\n".encode("ascii", "replace")
    for open_folder in _folders(paths, environ, losses=True):
        try:
            with open_folder() as folder:
                _append(folder, line)
        except Exception:  # noqa: BLE001, S112  (whatever is wrong here, the next may take it)
            continue
        return


def _append(folder: Directory, line: bytes) -> None:
    descriptor = folder.open_file(LOSSES_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    size = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, line)
    except OSError:
        # A full disk has no room for the line, but the file can grow: each byte is one loss.
        os.ftruncate(descriptor, size)
        os.ftruncate(descriptor, size + 1)
    finally:
        os.close(descriptor)


def losses(folder: Directory) -> list[str]:
    """Return the losses in a folder's file, one line each: time and kind of error.

    A disk that had no room for the line left a NUL for each loss.
    """
    try:
        data = folder.read(LOSSES_NAME, _MAX_BYTES)
    except OSError:
        return []
    lines = data.replace(b"\0", b"").decode("ascii", "replace").splitlines()
    return [*lines, *["no room for the time and errno"] * data.count(b"\0")]
