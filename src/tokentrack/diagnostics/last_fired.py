"""When the hooks of each surface last fired, as far as a ledger shows.

A hook keeps no record of its own runs. It leaves a row in the ledger, with the surface in the
usage ledger, and a running execution. A row with a measured time also had a start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.importing.turns import HOOK_NAME
from tokentrack.models.columns import COMPLETED, STARTED
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.events import COMPLETION, START, Event
from tokentrack.recorder.execution_state import running_events
from tokentrack.reports.ledger_rows import ledger_rows
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.paths import LedgerPaths

    Moments = dict[tuple[str, str], int]

_SURFACE = USAGE_COLUMNS.index("surface")
_SECOND = 1_000_000
_API = "api"  # written by a program that calls the Python API, not by a hook


def last_fired(paths: LedgerPaths) -> Moments:
    """Return for each surface and kind of event when a hook last recorded one.

    Times are in microseconds since the epoch. A ledger that can't be read shows nothing; that is
    the finding of another check.
    """
    seen: Moments = {}
    try:
        for surface, kind, at in _events(paths):
            if surface != _API:
                seen[surface, kind] = max(seen.get((surface, kind), at), at)
    except OSError:
        return {}
    return seen


def _events(paths: LedgerPaths) -> Iterator[tuple[str, str, int]]:
    surfaces = _surfaces(paths)
    for row in ledger_rows(paths):
        found = row.transaction
        if found is not None and found.hook_name != HOOK_NAME:
            surface = surfaces.get(found.agent_execution_id, "")
            yield from ((surface, kind, at) for kind, at in _events_of(found))
    yield from ((event.surface, event.kind, event.at) for event in _running(paths))


def _events_of(row: TokenTransaction) -> Iterator[tuple[str, int]]:
    if row.hook_trigger_type == STARTED:  # nothing completed it
        yield START, row.timestamp_us
    elif row.hook_trigger_type == COMPLETED:
        yield COMPLETION, row.timestamp_us
        if row.elapsed_time is not None:
            # No payload of Kiro's has a duration, so the start was seen too.
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
