"""Whether Kiro has history here that nobody has imported: a cheap look that reads no history."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from tokentrack.importing.records import HOOK_NAME
from tokentrack.kiro.homes import Homes
from tokentrack.store.archives import open_ledger_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from tokentrack.store.place import Place

HINT = "Kiro has history here: `tokentrack import --dry-run` shows it"
_MOST_ENTRIES = 1000
_CHUNK = 1024 * 1024
# The cell of an imported row and the one after it; in a prompt they can only hide the hint.
_MARKS = tuple(f",{HOOK_NAME},{error},".encode() for error in ("false", "true"))


def history_hint(place: Place, environ: Mapping[str, str], before: int | None = None) -> str:
    """Return the hint, "" where nothing would be new.

    Args:
        place: the ledger that the history would go into.
        environ: the environment.
        before: microseconds since the epoch. What Kiro wrote since then is recorded by the hook;
            None is all.
    """
    written = (_modified_at(path) for path in _traces(Homes(environ)))
    is_old = any(at is not None and (before is None or at < before) for at in written)
    return HINT if is_old and not _is_imported(place) else ""


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
        with open_ledger_files(place) as files:
            return any(_has_mark(file) for file in files.values())
    except OSError:
        return False


def _has_mark(file: BinaryIO) -> bool:
    tail = b""
    while chunk := file.read(_CHUNK):
        text = tail + chunk
        if any(mark in text for mark in _MARKS):
            return True
        tail = text[-max(map(len, _MARKS)) :]
    return False
