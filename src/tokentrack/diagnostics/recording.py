"""When each installed hook is last known to have fired.

A hook leaves no record of its own run. What it leaves is a row of the ledger with the surface
in the usage ledger, and a running execution. A row with a measured time had a start as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.common.formatting import counted
from tokentrack.common.timestamps import format_us
from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.diagnostics.folders import to_read
from tokentrack.hookfiles.entries import quoted
from tokentrack.importing.turns import HOOK_NAME
from tokentrack.models.columns import COMPLETED, STARTED
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.events import COMPLETION, START, Event, kind_of
from tokentrack.recorder.execution_state import running_events
from tokentrack.recorder.rescue import LOSSES_NAME, losses, open_states, rescued_elsewhere
from tokentrack.reports.ledger_rows import ledger_rows
from tokentrack.store import spool
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tokentrack.hookfiles.installed import InstalledHook
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.paths import LedgerPaths
    from tokentrack.tracker import TokenTracker

    Moments = dict[tuple[str, str], int]

_WAITING = "recording"


def examine_waiting(tracker: TokenTracker, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Try to record what waits, and yield what is left: here, and of workspaces that are gone."""
    stuck = tracker.drain()
    waiting, lost = 0, ""
    for folder in open_states(tracker.paths, environ):
        with folder:
            waiting += len(spool.waiting(folder))
            lost = lost or (os.path.join(folder.path, LOSSES_NAME) if losses(folder) else "")
    if waiting:
        why = f": {stuck}" if stuck else ""
        yield Finding(_WAITING, PROBLEM, f"{counted(waiting, 'event')} can't be recorded yet{why}",
                      "fix what is named, then run `tokentrack status`")  # fmt: skip
    if lost:
        yield Finding(_WAITING, WARNING, f"events could be written nowhere, as {lost} notes",
                      f"free disk space or fix its permissions, then run mv {quoted(lost)} "
                      f"{quoted(lost)}.seen")  # fmt: skip
    for path, ledger, count in rescued_elsewhere(tracker.paths, environ):
        yield _of_another(path, ledger, count)


def _of_another(path: str, ledger: str, count: int) -> Finding:
    events = counted(count, "event")
    if ledger and os.path.isdir(os.path.dirname(ledger)):
        root = os.path.dirname(os.path.dirname(ledger))
        return Finding(_WAITING, WARNING, f"{events} of {ledger} can't be recorded yet",
                       f"tokentrack status --workspace {quoted(root)}")  # fmt: skip
    where = f"of {ledger}, which is gone," if ledger else "of a ledger that nothing names"
    return Finding(_WAITING, WARNING, f"{events} {where} wait in {path}",
                   "put that folder back, or move the files of its spool/new into the one of "
                   "the ledger that shall have them")  # fmt: skip


_RECORDING = "recording"
_SURFACE = USAGE_COLUMNS.index("surface")
_SECOND = 1_000_000
_API = "api"  # a program that called the Python API, and no hook


def examine_recording(paths: LedgerPaths, hooks: Iterable[InstalledHook]) -> Iterator[Finding]:
    """Yield when each hook is last known to have fired; hooks of one surface and trigger are one.

    They write the same rows, so nothing tells them apart.
    """
    try:
        seen = _last_fired(paths)
    except OSError as error:
        path = _file_of(paths, error)
        yield Finding(_RECORDING, PROBLEM, f"{path} can't be read: {error.strerror}",
                      to_read(path, error))  # fmt: skip
        return
    if not seen:
        yield Finding(_RECORDING, WARNING, "no hook has recorded a turn here yet",
                      "run a turn in Kiro, then this again")  # fmt: skip
        return
    installed = dict.fromkeys((hook.surface, hook.trigger) for hook in hooks)
    for surface, trigger in installed:
        if kind_of(trigger) in (START, COMPLETION):
            at = seen.get((surface, kind_of(trigger)))
            when = "was never seen to fire here" if at is None else f"last fired {format_us(at)}"
            yield Finding(_RECORDING, OK, f"{surface} {trigger} {when}")
    others = {surface for surface, _ in seen} - {surface for surface, _ in installed}
    for surface in sorted(others):
        at = max(at for (owner, _), at in seen.items() if owner == surface)
        name = f"{surface}, of which no hook is installed now," if surface else "an unknown Kiro"
        yield Finding(_RECORDING, OK, f"{name} last ran a hook {format_us(at)}")


def _file_of(paths: LedgerPaths, error: OSError) -> str:
    # What is opened in an open folder is known by its name alone, and what is read by nothing.
    files = [os.path.join(paths.folder, name) for name in (paths.ledger, paths.usage)]
    if isinstance(error.filename, str):
        return files[os.path.basename(error.filename) == paths.usage]
    return next((p for p in files if os.path.lexists(p) and not os.path.isfile(p)), files[0])


def surfaces_that_fired(paths: LedgerPaths) -> set[str]:
    """Return the surfaces of which a hook has recorded a turn; none where that can't be read."""
    try:
        return {surface for surface, _ in _last_fired(paths)}
    except OSError:
        return set()  # the finding is `examine_recording`'s


def _last_fired(paths: LedgerPaths) -> Moments:
    surfaces = _surfaces(paths)
    seen: Moments = {}
    for row in ledger_rows(paths):
        found = row.transaction
        if found is not None and found.hook_name != HOOK_NAME:
            surface = surfaces.get(found.agent_execution_id, "")
            for kind, at in _events_of(found):
                _keep(seen, surface, kind, at)
    for event in _running(paths):
        _keep(seen, event.surface, event.kind, event.at)
    return seen


def _keep(seen: Moments, surface: str, kind: str, at: int) -> None:
    if surface != _API:
        seen[surface, kind] = max(seen.get((surface, kind), at), at)


def _events_of(row: TokenTransaction) -> Iterator[tuple[str, int]]:
    if row.hook_trigger_type == STARTED:  # nothing completed it
        yield START, row.timestamp_us
    elif row.hook_trigger_type == COMPLETED:
        yield COMPLETION, row.timestamp_us
        if row.elapsed_time is not None:
            # No payload of Kiro's has a duration, so both ends were seen.
            yield START, row.timestamp_us - int(row.elapsed_time * _SECOND)


def _surfaces(paths: LedgerPaths) -> dict[str, str]:
    with open_ledger_files(paths, usage=True) as files:
        return {
            record.cells[0]: record.cells[_SURFACE]
            for file in files.values()
            for record in read_records(file, USAGE_COLUMNS)
            if not record.problem
        }


def _running(paths: LedgerPaths) -> list[Event]:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            return running_events(state)
    except OSError:
        return []
