"""Read Kiro's files: regular ones only, never through a link, never more than a limit at once."""

from __future__ import annotations

import os
import stat

from tokentrack.common.fastjson import loads
from tokentrack.kiro import read_pass
from tokentrack.store import directory

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from tokentrack.kiro.read_pass import ReadPass

MAX_LINE = 32 * 1024 * 1024
MAX_DOCUMENT = 64 * 1024 * 1024


def open_regular(path: str, reading: ReadPass) -> BinaryIO | None:
    """Open a regular file for reading; None, with a note, if it can't be opened or is not one."""
    try:
        return open(directory.open_regular(path, follow=False), "rb")
    except directory.NotRegularError:
        reading.skip(read_pass.NOT_REGULAR, path)
    except (FileNotFoundError, NotADirectoryError):
        reading.skip(read_pass.VANISHED, path)
    except OSError:
        reading.skip(read_pass.UNREADABLE, path)
    return None


def folders(path: str) -> list[str]:
    """Return the paths of the folders in a folder, sorted and without links to folders.

    If the folder can't be listed, the result is empty.
    """
    return [p for p, mode in _entries(path) if stat.S_ISDIR(mode)]


def regular_files(path: str) -> list[str]:
    """Return the paths of the regular files in a folder, sorted and without links to files.

    If the folder can't be listed, the result is empty.
    """
    return [p for p, mode in _entries(path) if stat.S_ISREG(mode)]


def _entries(path: str) -> list[tuple[str, int]]:
    found = []
    if not is_real_folder(path):
        return []
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return []
    for name in names:
        entry = os.path.join(path, name)
        try:
            found.append((entry, os.lstat(entry).st_mode))
        except OSError:
            pass  # it vanished
    return found


def is_real_folder(path: str) -> bool:
    """Tell whether a path is a folder, and not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def modified_at(path: str) -> int | None:
    """Return when a file was last written, in microseconds since the epoch; None if it is gone."""
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns // 1000
    except OSError:
        return None


def read_document(path: str, reading: ReadPass, limit: int = MAX_DOCUMENT) -> dict[str, Any]:
    """Return the JSON object in a file; empty, with a note, if it has none or exceeds the limit.

    The limit is in bytes.
    """
    file = open_regular(path, reading)
    if file is None:
        return {}
    with file:
        try:
            data = file.read(limit + 1)
        except OSError:
            reading.skip(read_pass.UNREADABLE, path)
            return {}
    if len(data) > limit:
        reading.skip(read_pass.TOO_LONG, path)
        return {}
    return decode(data, path, 0, reading)


def read_lines(path: str, reading: ReadPass) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bytes of a file's lines; the last one may lack its line feed.

    A line of more than 32 MiB is left out, with a note.
    """
    file = open_regular(path, reading)
    if file is None:
        return
    number = 0
    with file:
        try:
            while line := file.readline(MAX_LINE):
                number += 1
                if len(line) < MAX_LINE or line.endswith(b"\n"):
                    yield number, line
                else:
                    reading.skip(read_pass.TOO_LONG, path, number)
                    _skip_line(file)
        except OSError:
            reading.skip(read_pass.UNREADABLE, path, number + 1)


def _skip_line(file: BinaryIO) -> None:
    while (chunk := file.readline(MAX_LINE // 32)) and not chunk.endswith(b"\n"):
        pass


def read_tail(path: str, size: int, reading: ReadPass) -> tuple[bytes, bool]:
    """Return the last `size` bytes of a file, and whether these are the whole file."""
    file = open_regular(path, reading)
    if file is None:
        return b"", True
    with file:
        try:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - size))
            return file.read(size), length <= size
        except OSError:
            reading.skip(read_pass.UNREADABLE, path)
            return b"", True


def decode(data: bytes, path: str, line: int, reading: ReadPass) -> dict[str, Any]:
    """Return the JSON object that some bytes hold; empty, with a note, if they hold none.

    Bytes that are not UTF-8 become U+FFFD, so they cost a few characters but no numbers.
    """
    try:
        value = loads(data.decode("utf-8", "replace").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        is_cut = line != 0 and not data.endswith(b"\n")
        reading.skip(read_pass.HALF_WRITTEN if is_cut else read_pass.NOT_JSON, path, line)
        return {}
    if not isinstance(value, dict):
        reading.skip(read_pass.WRONG_SHAPE, path, line)
        return {}
    return value
