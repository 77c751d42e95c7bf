"""Make a backup of a place's ledger under its lock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tokentrack.errors import FileSystemError
from tokentrack.recorder import Recorder
from tokentrack.store.backup import copy_ledger
from tokentrack.store.ledger import hold

if TYPE_CHECKING:
    from tokentrack.models.config import TrackerConfig
    from tokentrack.store.place import Place


def back_up(place: Place, config: TrackerConfig) -> Path | None:
    """Copy the ledger and its usage ledger; return the ledger's copy, None without a ledger.

    Raises:
        FileSystemError: another process kept the lock.
        OSError: a file can't be copied.
    """
    seconds = config.file_lock_timeout_seconds
    if not os.path.lexists(place.path):
        return None
    held = hold(place, seconds, create=False)
    if held is None:
        raise FileSystemError(f"{place.ledger} was locked for {seconds:g} s: try again later")
    with held:
        name = copy_ledger(held)
    # What was left in the spool while the lock was held must not wait for the next turn.
    Recorder(place, config, os.environ).drain()
    return Path(place.folder, name) if name else None
