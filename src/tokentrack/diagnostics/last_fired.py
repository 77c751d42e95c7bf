"""When the hooks of each surface last fired, as far as a ledger shows.

A hook keeps no record of its own runs. It leaves a row in the ledger, with the surface in the
usage ledger, and a running execution. A row with a measured time also had a start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.errors import FileSystemError
from tokentrack.models.columns import COMPLETED, STARTED
from tokentrack.recorder.events import COMPLETION, START, Event
from tokentrack.recorder.execution_state import running_events
from tokentrack.reports.turns.last_turns import last_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.reports.scope import Scope
    from tokentrack.store.paths import LedgerPaths

    Moments = dict[tuple[str, str], int]

_API = "api"  # written by a program that calls the Python API, not by a hook


def last_fired(paths: LedgerPaths, scope: Scope) -> Moments:
    """Return for each surface and kind of event when a hook last recorded one.

    Times are in microseconds since the epoch. A ledger that can't be read shows nothing; that is
    the finding of another check.
    """
    seen: Moments = {}
    try:
        for surface, kind, at in _events(paths, scope):
            if surface != _API:
                seen[surface, kind] = max(seen.get((surface, kind), at), at)
    except FileSystemError:
        return {}
    return seen


def _events(paths: LedgerPaths, scope: Scope) -> Iterator[tuple[str, str, int]]:
    for found in last_turns(scope):
        if found.trigger == STARTED:  # nothing completed it
            yield found.surface, START, found.at
        elif found.trigger == COMPLETED:
            yield found.surface, COMPLETION, found.at
            if found.began is not None:
                # No payload of Kiro's has a duration, so the start was seen too.
                yield found.surface, START, found.began
    yield from ((event.surface, event.kind, event.at) for event in _running(paths))


def _running(paths: LedgerPaths) -> list[Event]:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            return running_events(state)
    except OSError:
        return []
