"""Examine every file of a ledger for damage; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.errors import FileSystemError
from tokentrack.maintenance.damage.examination import DamagedLine
from tokentrack.maintenance.damage.examine import TORN, examine
from tokentrack.maintenance.damage.formats import LEDGER, USAGE
from tokentrack.store.archive_names import COMPRESSED, names_in
from tokentrack.store.archives import open_in
from tokentrack.store.ledger import lock_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.maintenance.damage.examination import Examination
    from tokentrack.maintenance.damage.formats import Table
    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_CHUNK = 256 * 1024


class Examined(NamedTuple):
    """A file and what was found in it."""

    name: str
    table: Table
    found: Examination


def verify(paths: LedgerPaths, config: TrackerConfig) -> list[Examined]:
    """Examine the ledger, the usage ledger and their archives, the oldest first.

    No writer has to wait, with one exception: if a last line is torn, the files are examined again
    under the lock, since that line may be one that is being written.

    Raises:
        FileSystemError: a file can't be read.
    """
    try:
        with with_path(paths.folder, paths.ledger), paths.open_folder(create=False) as folder:
            found = list(examine_files(folder, paths))
            if any(_ends_torn(file) for file in found):
                found = _examine_locked(folder, paths, config, found)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileSystemError(sentence_of(error)) from error
    return found


def examine_files(folder: Directory, paths: LedgerPaths) -> Iterator[Examined]:
    """Examine the files of a folder, the usage ledger's first.

    Raises:
        OSError: one can't be read.
    """
    for table, active in ((USAGE, paths.usage), (LEDGER, paths.ledger)):
        for name in names_in(folder, active):
            yield Examined(name, table, _examine_file(folder, name, table))


def _examine_file(folder: Directory, name: str, table: Table) -> Examination:
    data, problem = read_whole(folder, name)
    found = examine(data, table)
    if problem:
        found.findings.append(DamagedLine(data.count(b"\n") + 1, problem))
        found.is_foreign = found.is_foreign or not data
    return found


def read_whole(folder: Directory, name: str) -> tuple[bytes, str]:
    """Return the readable bytes of a file, and the damage of an archive that ended them early.

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
    return any(finding.reason.startswith(TORN) for finding in file.found.findings)


def _examine_locked(
    folder: Directory, paths: LedgerPaths, config: TrackerConfig, found: list[Examined]
) -> list[Examined]:
    try:
        ledger = lock_ledger(paths, config.file_lock_timeout_seconds, create=False)
    except OSError:
        return found  # a folder that can't be written has no writer
    if ledger is None:
        return found
    with ledger:
        return list(examine_files(folder, paths))
