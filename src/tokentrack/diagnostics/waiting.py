"""Count what is queued, running, quarantined or lost in a ledger's state folders.

The last problem in the logs is shown for a week, or until it is dismissed: the file `dismissed`
in the state folder has the line that was.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.oserrors import sentence_of
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import FileSystemError
from tokentrack.recorder.log import LOG_NAME
from tokentrack.recorder.rescue import LOSSES_NAME, losses, open_states
from tokentrack.store import spool
from tokentrack.store.quarantine import QUARANTINE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_LOG_TAIL_BYTES = 64 * 1024
_DISMISSED = "dismissed"
_MAX_LINE = 4096
_SHOWN_US = 7 * 24 * 3600 * 1_000_000


class Waiting(NamedTuple):
    """Counts of what is not in the ledger.

    Attributes:
        running: executions that have started and not ended.
        spooled: events that could not be recorded yet.
        overdue: those of them that have been waiting for over `spool.OVERDUE_DAYS`.
        quarantined: files that were moved away because they could not be read.
        lost: events that could not be written anywhere.
        last_error: the newest warning or error in the logs, unless it is older than a week or
            was dismissed.
        last_lost: the newest line about a lost event: time and errno.
        losses: the file with that line.
    """

    running: int = 0
    spooled: int = 0
    overdue: int = 0
    quarantined: int = 0
    lost: int = 0
    last_error: str | None = None
    last_lost: str | None = None
    losses: str | None = None


def count_waiting(paths: LedgerPaths, environ: Mapping[str, str]) -> Waiting:
    """Count in the ledger's state folder and in the user's folders that replace it."""
    counts = dict.fromkeys(("running", "spooled", "overdue", "quarantined", "lost"), 0)
    # A line begins with its time.
    hidden, last_error, last_lost = format_us(now_us() - _SHOWN_US), "", ("", "")
    for folder in open_states(paths, environ):
        with folder:
            counts["running"] += _count(folder, "running")
            spooled = spool.waiting(folder)
            counts["spooled"] += len(spooled)
            counts["overdue"] += spool.overdue(spooled, now_us())
            counts["quarantined"] += _count(folder, QUARANTINE_NAME)
            lost = losses(folder)
            counts["lost"] += len(lost)
            path = os.path.join(folder.path, LOSSES_NAME)
            last_lost = max([last_lost, *((line, path) for line in lost)])
            last_error = max(last_error, _last_logged(folder))
            hidden = max(hidden, _dismissed(folder))
    return Waiting(
        **counts,
        last_error=last_error if last_error > hidden else None,
        last_lost=last_lost[0] or None,
        losses=last_lost[1] or None,
    )


def dismiss_last_problem(paths: LedgerPaths, environ: Mapping[str, str]) -> None:
    """Show the last problem in the logs no more.

    Raises:
        FileSystemError: that can't be noted.
    """
    line = count_waiting(paths, environ).last_error
    if line is None:
        return
    try:
        with paths.open_folder(create=False) as folder, paths.open_state(folder) as state:
            state.replace(_DISMISSED, line.encode("utf-8", "replace"), durable=False)
    except OSError as error:
        raise FileSystemError(f"the problem can't be dismissed: {sentence_of(error)}") from error


def obstacle_of(paths: LedgerPaths) -> str:
    """Return what keeps events from being recorded, as far as a look at the lock shows it."""
    try:
        with paths.open_folder(create=False) as folder:
            os.close(folder.open_file(paths.lock, os.O_RDWR))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return sentence_of(error)
    return ""


def _dismissed(folder: Directory) -> str:
    try:
        return folder.read(_DISMISSED, _MAX_LINE).decode("utf-8", "replace")
    except OSError:
        return ""


def _count(folder: Directory, name: str) -> int:
    try:
        with folder.child(name) as inner:
            return len([entry for entry in inner.names() if not entry.endswith(".tmp")])
    except OSError:
        return 0


def _last_logged(folder: Directory) -> str:
    try:
        data = folder.read_tail(LOG_NAME, _LOG_TAIL_BYTES)
    except OSError:
        return ""
    lines = data.decode("utf-8", "replace").split("\n")
    wanted = [line for line in lines if line.partition(" ")[2].startswith(("WARNING", "ERROR"))]
    return wanted[-1] if wanted else ""
