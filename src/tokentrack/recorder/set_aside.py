"""Record all that waits in the spools, also in those that a hook set aside as a whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tokentrack.recorder.recorder import Recorder
from tokentrack.recorder.rescue import open_states
from tokentrack.store import spool
from tokentrack.store.ledger import lock_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_AT_ONCE = 1000


def work_off(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], seconds: float
) -> bool:
    """Record what waits if a spool was set aside; return whether some is left after some seconds.

    Raises:
        OSError: they can't be recorded now.
    """
    deadline = time.monotonic() + seconds
    if not _any(paths, environ, spool.has_set_aside):
        return False
    recorder = Recorder(paths, config, environ)
    while _any(paths, environ, _is_left):
        left = deadline - time.monotonic()
        held = lock_ledger(paths, left, create=False) if left > 0 else None
        if held is None:
            return True
        with held:
            _any(paths, environ, _take_back)
        recorder.drain()
        if not _any(paths, environ, _has_events):
            break  # what is left are other files
    return False


def _any(
    paths: LedgerPaths, environ: Mapping[str, str], answer: Callable[[Directory], bool]
) -> bool:
    # Whether this is true of one of the ledger's folders with a spool; all of them are asked.
    found = False
    for folder in open_states(paths, environ):
        with folder:
            found = answer(folder) or found
    return found


def _is_left(folder: Directory) -> bool:
    return spool.has_set_aside(folder) or spool.is_waiting(folder)


def _take_back(folder: Directory) -> bool:
    return not spool.is_waiting(folder) and spool.take_back(folder, _AT_ONCE)


def _has_events(folder: Directory) -> bool:
    return spool.waiting(folder) != []
