"""The turns of all Kiro sources on this machine, as one stream."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.kiro import cli_database, cli_sessions, ide_storage, ide_workspaces, v1_sessions
from tokentrack.kiro.turn import CLI_DATABASE, CLI_SESSION, IDE_STORAGE, V1_SESSION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tokentrack.kiro.kiro_paths import KiroPaths
    from tokentrack.kiro.read_pass import ReadPass
    from tokentrack.kiro.turn import Turn

_SOURCES = (V1_SESSION, CLI_SESSION, CLI_DATABASE, IDE_STORAGE)


def turns(
    paths: KiroPaths,
    reading: ReadPass,
    sources: Collection[str] = _SOURCES,
    workspaces: Iterable[str] = (),
) -> Iterator[Turn]:
    """Yield the turns of the wanted sources, once each; paths that do not exist are skipped.

    IDE 0.x's storage names workspaces by digests. `workspaces` are paths that may have one of
    them, in addition to those that VS Code lists.
    """
    for source, path in _paths_by_source(paths):
        if source not in sources or not os.path.lexists(path):
            continue
        if source == V1_SESSION:
            yield from v1_sessions.turns(path, reading)
        elif source == CLI_SESSION:
            yield from cli_sessions.turns(path, reading)
        elif source == CLI_DATABASE:
            yield from cli_database.turns(path, reading)
        else:
            user = os.path.dirname(os.path.dirname(path))
            names = ide_workspaces.workspaces(user, workspaces, reading)
            yield from ide_storage.turns(path, reading, names)


def _paths_by_source(paths: KiroPaths) -> list[tuple[str, str]]:
    # Each source with each path that can hold its turns, whether or not it exists.
    by_source = {
        V1_SESSION: paths.sessions,
        CLI_SESSION: paths.cli_sessions,
        CLI_DATABASE: paths.cli_databases,
        IDE_STORAGE: paths.ide_storages,
    }
    return [(source, path) for source, found in by_source.items() for path in found]
