"""When each installed hook is last known to have fired.

A hook leaves no record of its own run. What it leaves is a row of the ledger with the surface
in the usage ledger, and a running execution. A row with a measured time had a start as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.doctor.access import to_read
from tokentrack.doctor.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.events import COMPLETED, COMPLETION, START, STARTED, Event, kind_of
from tokentrack.execution_state import running_events
from tokentrack.importing.records import HOOK_NAME
from tokentrack.ledger_rows import ledger_rows
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records
from tokentrack.timestamps import format_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentrack.hookfiles.installed import InstalledHook
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.place import Place

    Moments = dict[tuple[str, str], int]  # by surface and kind of event, microseconds

_AREA = "recording"
_SURFACE = USAGE_COLUMNS.index("surface")
_SECOND = 1_000_000
_API = "api"  # a program that called the Python API, and no hook


def examine_recording(place: Place, hooks: Iterable[InstalledHook]) -> Iterator[Finding]:
    """Yield when each hook is last known to have fired; hooks of one surface and trigger are one.

    They write the same rows, so nothing tells them apart.
    """
    try:
        seen = _last_fired(place)
    except OSError as error:
        path = _file_of(place, error)
        yield Finding(_AREA, PROBLEM, f"{path} can't be read: {error.strerror}",
                      to_read(path, error))  # fmt: skip
        return
    if not seen:
        yield Finding(_AREA, WARNING, "no hook has recorded a turn here yet",
                      "run a turn in Kiro, then this again")  # fmt: skip
        return
    installed = dict.fromkeys((hook.surface, hook.trigger) for hook in hooks)
    for surface, trigger in installed:
        if kind_of(trigger) in (START, COMPLETION):
            at = seen.get((surface, kind_of(trigger)))
            when = "was never seen to fire here" if at is None else f"last fired {format_us(at)}"
            yield Finding(_AREA, OK, f"{surface} {trigger} {when}")
    others = {surface for surface, _ in seen} - {surface for surface, _ in installed}
    for surface in sorted(others):
        at = max(at for (owner, _), at in seen.items() if owner == surface)
        name = f"{surface}, of which no hook is installed now," if surface else "an unknown Kiro"
        yield Finding(_AREA, OK, f"{name} last ran a hook {format_us(at)}")


def _file_of(place: Place, error: OSError) -> str:
    # What is opened in an open folder is known by its name alone, and what is read by nothing.
    paths = [os.path.join(place.folder, name) for name in (place.ledger, place.usage)]
    if isinstance(error.filename, str):
        return paths[os.path.basename(error.filename) == place.usage]
    return next((p for p in paths if os.path.lexists(p) and not os.path.isfile(p)), paths[0])


def surfaces_that_fired(place: Place) -> set[str]:
    """Return the surfaces of which a hook has recorded a turn; none where that can't be read."""
    try:
        return {surface for surface, _ in _last_fired(place)}
    except OSError:
        return set()  # the finding is `examine_recording`'s


def _last_fired(place: Place) -> Moments:
    surfaces = _surfaces(place)
    seen: Moments = {}
    for row in ledger_rows(place):
        found = row.transaction
        if found is not None and found.hook_name != HOOK_NAME:
            surface = surfaces.get(found.agent_execution_id, "")
            for kind, at in _events_of(found):
                _keep(seen, surface, kind, at)
    for event in _running(place):
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


def _surfaces(place: Place) -> dict[str, str]:
    with open_ledger_files(place, usage=True) as files:
        return {
            record.cells[0]: record.cells[_SURFACE]
            for file in files.values()
            for record in read_records(file, USAGE_COLUMNS)
            if not record.problem
        }


def _running(place: Place) -> list[Event]:
    try:
        with place.open_folder(create=False) as folder, folder.child(place.state) as state:
            return running_events(state)
    except OSError:
        return []
