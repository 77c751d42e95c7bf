"""Look at every file of a ledger and say where it is damaged; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import FileSystemError
from tokentrack.faults import naming, sentence_of
from tokentrack.maintenance.damage import examine
from tokentrack.maintenance.findings import Finding
from tokentrack.maintenance.tables import LEDGER, USAGE
from tokentrack.store.archives import COMPRESSED, names_in, open_in
from tokentrack.store.ledger import hold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.maintenance.findings import Examination
    from tokentrack.maintenance.tables import Table
    from tokentrack.models.config import TrackerConfig
    from tokentrack.store.directory import Directory
    from tokentrack.store.place import Place

_CHUNK = 256 * 1024


class Examined(NamedTuple):
    """A file and what it holds."""

    name: str
    table: Table
    found: Examination


def verify(place: Place, config: TrackerConfig) -> list[Examined]:
    """Examine the ledger, the usage ledger and their archives, the oldest first.

    Nobody is kept waiting: only when a last line is not whole, the lock is taken for one more
    look, since it may be one that is being written.

    Raises:
        FileSystemError: a file can't be read.
    """
    try:
        with naming(place.folder, place.ledger), place.open_folder(create=False) as folder:
            found = list(examine_files(folder, place))
            if any(_ends_torn(file) for file in found):
                found = _look_again(folder, place, config, found)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileSystemError(sentence_of(error)) from error
    return found


def examine_files(folder: Directory, place: Place) -> Iterator[Examined]:
    """Examine the files of a folder, the usage ledger's first.

    Raises:
        OSError: one can't be read.
    """
    for table, active in ((USAGE, place.usage), (LEDGER, place.ledger)):
        for name in names_in(folder, active):
            yield Examined(name, table, _examine_file(folder, name, table))


def _examine_file(folder: Directory, name: str, table: Table) -> Examination:
    data, problem = read_whole(folder, name)
    found = examine(data, table)
    if problem:
        found.findings.append(Finding(data.count(b"\n") + 1, problem))
        found.is_foreign = found.is_foreign or not data
    return found


def read_whole(folder: Directory, name: str) -> tuple[bytes, str]:
    """Return what can be read of a file, and what ended it early: damage of an archive.

    Raises:
        OSError: the file can't be read.
    """
    chunks: list[bytes] = []
    with open_in(folder, name) as file:
        try:
            while chunk := file.read1(_CHUNK):  # type: ignore[attr-defined]  # of every buffer
                chunks.append(chunk)
        except OSError as error:
            if not name.endswith(COMPRESSED) or error.errno is not None:
                raise
            return b"".join(chunks), f"{error.strerror}"
    return b"".join(chunks), ""


def _ends_torn(file: Examined) -> bool:
    return any(finding.reason.startswith("a torn last line") for finding in file.found.findings)


def _look_again(
    folder: Directory, place: Place, config: TrackerConfig, found: list[Examined]
) -> list[Examined]:
    try:
        held = hold(place, config.file_lock_timeout_seconds, create=False)
    except OSError:
        return found  # a place that can't be written has no writer
    if held is None:
        return found
    with held:
        return list(examine_files(folder, place))
