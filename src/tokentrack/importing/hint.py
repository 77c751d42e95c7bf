"""Whether Kiro has history here that nobody has imported: a cheap look that reads no history."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from tokentrack.kiro.homes import Homes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.store.place import Place

HINT = "Kiro has history here: `tokentrack import --dry-run` shows it"
_MOST_ENTRIES = 1000
_MARK = "imported"


def history_hint(place: Place, environ: Mapping[str, str], before: int | None = None) -> str:
    """Return the hint, "" where nothing would be new or an import has ended.

    Args:
        place: the ledger that the history would go into.
        environ: the environment.
        before: microseconds since the epoch. What Kiro wrote since then is recorded by the hook;
            None is all.
    """
    written = (_modified_at(path) for path in _traces(Homes(environ)))
    is_old = any(at is not None and (before is None or at < before) for at in written)
    return HINT if is_old and not _is_imported(place) else ""


def note_import(place: Place) -> None:
    """Leave the mark that hides the hint; makes no folder for a ledger that has none."""
    try:
        with place.open_folder(create=False) as folder, place.open_state(folder) as state:
            state.create(_MARK, b"", durable=False)
    except OSError:
        pass  # it is there, or there is no place for it: the hint does no harm


def _traces(homes: Homes) -> Iterator[str]:
    for sessions in homes.sessions:
        for bucket in _names(sessions):
            for name in _names(os.path.join(sessions, bucket)):
                if name.startswith("sess_") or bucket == "cli":
                    yield os.path.join(sessions, bucket, name)
    for storage in homes.ide_storages:
        yield from (os.path.join(storage, name) for name in _names(storage))
    yield from homes.cli_databases


def _names(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, _MOST_ENTRIES):
                yield entry.name
    except OSError:
        return


def _modified_at(path: str) -> int | None:
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns // 1000
    except OSError:
        return None


def _is_imported(place: Place) -> bool:
    try:
        with place.open_folder(create=False) as folder, folder.child(place.state) as state:
            return state.has(_MARK)
    except OSError:
        return False
