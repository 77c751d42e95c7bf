"""Open the files of a ledger, and make archives; `archive_names` says what these are called."""

from __future__ import annotations

import errno
import io
import os
from contextlib import ExitStack, contextmanager

from tokentrack.store.archive_names import COMPRESSED, names_in, stem_of
from tokentrack.store.directory import Directory

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any, BinaryIO

    from tokentrack.store.paths import LedgerPaths

_ATTEMPTS = 20
_CHUNK = 256 * 1024


def free_archive_name(folder: Directory, actives: tuple[str, ...], date: str) -> str:
    """Return the first `_YYYYMMDD[_N]` that no archive of any of the active files has."""
    taken = set(folder.names())
    number = 1
    while True:
        suffix = f"_{date}" if number == 1 else f"_{date}_{number}"
        names = [f"{stem_of(active)}{suffix}.csv" for active in actives]
        if not any(name in taken or name + COMPRESSED in taken for name in names):
            return suffix
        number += 1


def has_copy(folder: Directory, name: str) -> bool:
    """Tell whether a compressed file exists next to an archive, with the same bytes."""
    compressed = name + COMPRESSED
    if not folder.is_file(compressed):
        return False
    try:
        with open_in(folder, name) as plain, open_in(folder, compressed) as copy:
            while chunk := plain.read(_CHUNK):
                if copy.read(len(chunk)) != chunk:
                    return False
            return not copy.read(1)
    except OSError:
        return False  # an unreadable file is not a copy


def open_ledger_file(path: str) -> BinaryIO:
    """Open a ledger or an archive for reading; a compressed one reads like a plain one.

    Raises:
        OSError: it can't be opened; a damaged archive also raises while it is read.
    """
    with Directory.of_file(path) as (folder, name):
        return open_in(folder, name)


def open_in(folder: Directory, name: str) -> BinaryIO:
    """Open a ledger or an archive of a folder for reading.

    Raises:
        OSError: it can't be opened; a damaged archive also raises while it is read.
    """
    file = os.fdopen(folder.open_file(name, os.O_RDONLY), "rb")
    if not name.endswith(COMPRESSED):
        return file
    plain: Any = io.BufferedReader(_Decompressed(file, name), _CHUNK)
    found: BinaryIO = plain
    return found


def compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks compressed by gzip, without a time: the same chunks give the same bytes."""
    import zlib

    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


class _Decompressed(io.RawIOBase):
    # A gzip file whose damage raises OSError, where GzipFile raises EOFError or zlib.error too.

    def __init__(self, file: IO[bytes], name: str) -> None:
        # Reports that read no compressed archive save the time that these two take.
        import gzip
        import zlib

        self._file = file
        self._name = name
        self._gzip = gzip.GzipFile(fileobj=file, mode="rb")
        self._damage = (EOFError, zlib.error, gzip.BadGzipFile)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # One member at a time, so that the bytes before the damage are returned.
            return self._gzip.readinto1(buffer)
        except self._damage as error:
            raise OSError(None, f"the archive is damaged: {error}", self._name) from error

    def close(self) -> None:
        if not self.closed:
            self._gzip.close()
            self._file.close()
        super().close()


class _Unreadable(io.RawIOBase):
    # Stands for a file that can't be opened: reading it raises the error; the others can be read.

    def __init__(self, error: OSError) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise self._error


@contextmanager
def open_ledger_files(paths: LedgerPaths, *, usage: bool = False) -> Iterator[dict[str, BinaryIO]]:
    """Open all files of a ledger as of one moment, by name, the oldest first.

    A rotation between two opens would hide rows or return them twice. So the folder is listed
    again after the last open, without any lock, and the files are opened anew if it has changed.
    An error of one file is raised when that file is read.

    Raises:
        OSError: the folder can't be opened, or its files kept changing.
    """
    active = paths.usage if usage else paths.ledger
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(paths.open_folder(create=False))
        except FileNotFoundError:
            yield {}
            return
        for _ in range(_ATTEMPTS):
            opened = ExitStack()
            files = _open_all(folder, active, opened)
            if files is not None:
                stack.push(opened)
                yield files
                return
            opened.close()
        raise OSError(errno.EAGAIN, "its files kept changing while they were opened", paths.path)


def _open_all(folder: Directory, active: str, opened: ExitStack) -> dict[str, BinaryIO] | None:
    before = _identities(folder, active)
    files = {}
    for name in before:
        try:
            file = open_in(folder, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            unreadable: Any = io.BufferedReader(_Unreadable(error))
            file = unreadable
        files[name] = opened.enter_context(file)
    return files if before == _identities(folder, active) else None


def _identities(folder: Directory, active: str) -> dict[str, int]:
    found = {}
    for name in names_in(folder, active):
        try:
            found[name] = folder.status(name).st_ino
        except FileNotFoundError:
            found[name] = -1
    return found
