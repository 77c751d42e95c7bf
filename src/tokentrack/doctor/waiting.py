"""What was not recorded yet, what keeps it, and what could be kept nowhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.doctor.findings import PROBLEM, WARNING, Finding
from tokentrack.formatting import counted
from tokentrack.hookfiles.commands import quoted
from tokentrack.rescue import LOSSES_NAME, losses, open_states, rescued_elsewhere
from tokentrack.store import spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.tracker import TokenTracker

_AREA = "recording"


def examine_waiting(tracker: TokenTracker, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Try to record what waits, and yield what is left: here, and of workspaces that are gone."""
    stuck = tracker.drain()
    waiting, lost = 0, ""
    for folder in open_states(tracker.place, environ):
        with folder:
            waiting += len(spool.waiting(folder))
            lost = lost or (os.path.join(folder.path, LOSSES_NAME) if losses(folder) else "")
    if waiting:
        why = f": {stuck}" if stuck else ""
        yield Finding(_AREA, PROBLEM, f"{counted(waiting, 'event')} can't be recorded yet{why}",
                      "mend what is named, then run `tokentrack status`")  # fmt: skip
    if lost:
        yield Finding(_AREA, WARNING, f"events could be written nowhere, as {lost} notes",
                      f"free the disk or mend its rights, then mv {quoted(lost)} "
                      f"{quoted(lost)}.seen")  # fmt: skip
    for path, ledger, count in rescued_elsewhere(tracker.place, environ):
        yield _of_another(path, ledger, count)


def _of_another(path: str, ledger: str, count: int) -> Finding:
    events = counted(count, "event")
    if ledger and os.path.isdir(os.path.dirname(ledger)):
        root = os.path.dirname(os.path.dirname(ledger))
        return Finding(_AREA, WARNING, f"{events} of {ledger} can't be recorded yet",
                       f"tokentrack status --workspace {quoted(root)}")  # fmt: skip
    where = f"of {ledger}, which is gone," if ledger else "of a ledger that nothing names"
    return Finding(_AREA, WARNING, f"{events} {where} wait in {path}",
                   "put that folder back, or move the files of its spool/new into the one of "
                   "the ledger that shall have them")  # fmt: skip
