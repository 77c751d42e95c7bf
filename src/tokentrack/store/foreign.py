"""Files that a user names: ledgers, archives and backups of any origin, and folders of them.

What is named is trusted as far as its path goes, so links in it are followed. Inside a named
folder none is: it may be a workspace from elsewhere.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from tokentrack.errors import FileSystemError
from tokentrack.store.archive_names import COMPRESSED, names_in, stem_of
from tokentrack.store.archives import open_in, open_ledger_file
from tokentrack.store.paths import KIRO_FOLDER, LEDGER_NAME, USAGE_NAME, LedgerPaths
from tokentrack.store.reader import has_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from tokentrack.store.directory import Directory

_GZIP = b"\x1f\x8b"
_BACKUP = re.compile(r"(.+)_backup_\d{8}_\d{6}(?:_\d+)?(?:_before_restore)?")
_ARCHIVE = re.compile(r"(.+)_\d{8}(?:_\d{1,6})?")
_ENDINGS = (".csv", f".csv{COMPRESSED}")
_NO_USAGE = "there is no such file, so credits, models and users are unknown"


class SomeFiles(LedgerPaths):
    """Some files of one folder, as a ledger of their own.

    Attributes:
        chosen: the files: whether each is a usage ledger, and its name.
    """

    __slots__ = ("chosen",)

    def __init__(self, base: str, folders: tuple[str, ...], chosen: Sequence[str]) -> None:
        """Choose ledger files by their names, the oldest first; their usage files belong to them.

        Args:
            base: the folder that the user named, or whose file.
            folders: the folders below it.
            chosen: the names.
        """
        super().__init__(base, folders, chosen[-1])
        found = [(False, name) for name in chosen]
        usage = [usage_beside(os.path.join(self.folder, name)) for name in chosen]
        found += [(True, os.path.basename(path)) for path in usage if path]
        self.chosen = tuple(dict.fromkeys(found))


class UsageFile(LedgerPaths):
    """A usage ledger's file alone, such as that of a program that tracks requests.

    Attributes:
        chosen: the file.
    """

    __slots__ = ("chosen",)

    def __init__(self, folder: str, name: str) -> None:
        """Name the file and its folder."""
        super().__init__(folder, (), name)
        self.chosen = ((True, name),)


class Named(NamedTuple):
    """What some paths name.

    Attributes:
        ledgers: the ledgers.
        missing: by path what is missing there, and what follows from that.
    """

    ledgers: list[LedgerPaths]
    missing: dict[str, str]


def find_named(
    paths: Sequence[str], columns: Sequence[str], usage_columns: Sequence[str] = ()
) -> Named:
    """Return the ledgers that paths name.

    A ledger is that file alone, with the usage ledger next to it; a usage ledger is that file
    alone. A folder is a workspace, a `.kiro` or any folder with ledgers: each with its archives;
    backups only where their ledger is not. A file that is named twice is read once.

    Args:
        paths: files and folders.
        columns: those that the first line of a ledger names.
        usage_columns: those of a usage ledger; without them, it can't be named.

    Raises:
        FileSystemError: a path is not a ledger and has none, or can't be read.
    """
    found: list[LedgerPaths] = []
    files: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for path in paths:
        if os.path.isdir(path):
            found += _in_folder(path, columns)
        elif usage_columns and _has_columns(path, usage_columns):
            real = os.path.realpath(path)
            missing |= _torn_end(path, real)
            found.append(UsageFile(*os.path.split(real)))
        else:
            check_ledger(path, columns)
            real = os.path.realpath(path)
            missing |= _torn_end(path, real)
            files.setdefault(os.path.dirname(real), []).append(os.path.basename(real))
    for folder, names in files.items():
        found += [SomeFiles(folder, (), group) for group in _by_ledger(names)]
    ledgers = list(_once(found))
    return Named(ledgers, missing | dict(_without_usage(ledgers)))


def _once(found: Iterable[LedgerPaths]) -> Iterator[LedgerPaths]:
    # No file twice: whole ledgers first, usage ledgers alone last.
    seen: set[str] = set()
    for ledger in sorted(found, key=lambda ledger: (bool(ledger.chosen), not _rows(ledger))):
        files = {os.path.join(ledger.folder, name) for name in _names(ledger)}
        if not files or not files <= seen:
            seen |= files
            yield ledger


def _rows(ledger: LedgerPaths) -> bool:
    return any(not is_usage for is_usage, _ in ledger.chosen)


def _names(ledger: LedgerPaths) -> list[str]:
    if ledger.chosen:
        return [name for _, name in ledger.chosen]
    with ledger.open_folder(create=False) as folder:
        return [n for active in (ledger.ledger, ledger.usage) for n in names_in(folder, active)]


def _has_columns(path: str, columns: Sequence[str]) -> bool:
    if not os.path.isfile(path):
        return False
    with open_foreign(path) as file:
        return has_header(file, columns, finished=True)


def check_ledger(path: str, columns: Sequence[str]) -> None:
    """Refuse a path that is not a ledger's file: its first line must name all columns.

    Raises:
        FileSystemError: it is not one, or can't be read.
    """
    if not os.path.exists(path):  # or is a link to nothing
        raise FileSystemError(f"{path} does not exist")
    if not os.path.isfile(path):  # a pipe can be read only once
        raise FileSystemError(f"{path} is not a regular file: write the rows to a file first")
    with open_foreign(path) as file:
        headed = has_header(file, columns, finished=True)
    if not headed:
        raise FileSystemError(
            f"{path} is not a ledger: its first line does not name the twelve columns"
        )


def _torn_end(path: str, real: str) -> dict[str, str]:
    # What the index would read otherwise than `open_foreign` does.
    try:
        open_ledger_file(real).close()
    except OSError as error:
        raise FileSystemError(f"{path} can't be read: {error.strerror}; copy it first") from error
    with open(real, "rb") as file:
        if file.read(len(_GZIP)) == _GZIP:
            if real.endswith(COMPRESSED):
                return {}
            raise FileSystemError(f"{path} is compressed: add {COMPRESSED} to its name")
        file.seek(-1, os.SEEK_END)
        return {} if file.read() == b"\n" else {path: "its last line has no end; it is left out"}


@contextmanager
def open_foreign(path: str) -> Iterator[BinaryIO]:
    """Open a file that the user named; a compressed one reads like a plain one.

    Raises:
        FileSystemError: it can't be opened or, while the block runs, can't be read.
    """
    try:
        with open(path, "rb") as file:
            is_gzip = file.read(2) == _GZIP
            file.seek(0)
            yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_gzip else file
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileSystemError(f"{path} can't be read: {reason}") from error


def usage_beside(path: str) -> str:
    """Return the path of the usage ledger next to a ledger or an archive, "" without one."""
    folder, name = os.path.split(path)
    names = [_usage_stem(stem_of(name)) + ending for ending in _ENDINGS]
    return next((p for p in (os.path.join(folder, n) for n in names) if os.path.isfile(p)), "")


def _usage_stem(stem: str) -> str:
    ours = stem_of(LEDGER_NAME)
    if stem.startswith(ours):
        return stem_of(USAGE_NAME) + stem.removeprefix(ours)
    return f"{stem}_usage"


def _by_ledger(names: Sequence[str]) -> Iterator[list[str]]:
    # The files of one ledger together, its archives by age before the active file.
    groups: dict[str, set[str]] = {}
    for name in names:
        match = _ARCHIVE.fullmatch(stem_of(name))
        is_backup = _BACKUP.fullmatch(stem_of(name))
        groups.setdefault(match[1] if match and not is_backup else stem_of(name), set()).add(name)
    for stem, group in groups.items():
        yield sorted(group, key=lambda name: (stem_of(name) == stem, stem_of(name), name))


def _in_folder(path: str, columns: Sequence[str]) -> list[LedgerPaths]:
    base = os.path.realpath(path)
    for folders in ((), (KIRO_FOLDER,)):
        try:
            with LedgerPaths(base, folders, LEDGER_NAME).open_folder(create=False) as folder:
                found = list(_ledgers_of(base, folders, folder, columns))
        except FileNotFoundError:
            continue
        except OSError as error:
            where = os.path.join(path, *folders)
            raise FileSystemError(f"{where} can't be read: {error.strerror}") from error
        if found:
            return found
    raise FileSystemError(f"{path} has no ledger: name a ledger, a workspace or a folder of them")


def _ledgers_of(
    base: str, folders: tuple[str, ...], folder: Directory, columns: Sequence[str]
) -> Iterator[LedgerPaths]:
    names = [name for name in folder.names() if name.endswith(_ENDINGS) and folder.is_file(name)]
    ledgers = [name for name in names if _is_ledger(folder, name, columns)]
    stems = {stem for stem in map(_ledger_stem, ledgers) if stem}
    if any(name in names for name in (USAGE_NAME, USAGE_NAME + COMPRESSED)):
        stems.add(stem_of(LEDGER_NAME))
    for stem in sorted(stems):
        yield LedgerPaths(base, folders, f"{stem}.csv")
    for name in ledgers:
        backup = _BACKUP.fullmatch(stem_of(name))
        if backup and backup[1] not in stems:
            yield SomeFiles(base, folders, [name])


def _ledger_stem(name: str) -> str:
    # "" for a backup.
    stem = stem_of(name)
    if _BACKUP.fullmatch(stem):
        return ""
    archive = _ARCHIVE.fullmatch(stem)
    return archive[1] if archive else stem


def _is_ledger(folder: Directory, name: str, columns: Sequence[str]) -> bool:
    # A file with the usual name is one, whatever is wrong with it: the answer then names that.
    if name.startswith(stem_of(LEDGER_NAME)):
        return True
    try:
        with open_in(folder, name) as file:
            return has_header(file, columns, finished=True)
    except OSError:
        return False


def _without_usage(ledgers: Sequence[LedgerPaths]) -> Iterator[tuple[str, str]]:
    for ledger in ledgers:
        if ledger.chosen:
            has_usage = any(is_usage for is_usage, _ in ledger.chosen)
            usage = f"{_usage_stem(stem_of(ledger.ledger))}.csv"
        else:
            usage = ledger.usage
            with ledger.open_folder(create=False) as folder:
                has_usage = bool(names_in(folder, usage))
        if not has_usage:
            yield os.path.join(ledger.folder, usage), _NO_USAGE
