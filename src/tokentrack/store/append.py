"""Append whole lines to a CSV file, and leave it as it was when that fails.

A single write is not atomic against a kill: it can stop at a page boundary, and leave a torn last
line. The next append would join its first record to that line. So before each append, under the
lock, the bytes after the last line feed are moved to quarantine.
"""

from __future__ import annotations

import errno
import os

from tokentrack.store import codec
from tokentrack.store.directory import read_at, write_all

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tokentrack.store.directory import Directory

    Quarantine = Callable[[Iterable[bytes], str], None]

_BLOCK = 64 * 1024
_MAX_RECORD = 12 * 1024 * 1024
_MAX_TORN = 16 * 1024 * 1024
# How a row of an execution without an error ends. Earlier programs wrote the second form, some with
# CR LF.
_WHOLE_ENDS = (b",false,", b",False,", b",False,\r")
_BOM = b"\xef\xbb\xbf"


class ForeignFileError(OSError):
    """A file has the ledger's name but is not a ledger, so nothing is appended to it."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.EINVAL, "not a ledger: its first line is not the header", name)


def append_lines(
    directory: Directory,
    name: str,
    columns: Sequence[str],
    lines: Sequence[bytes],
    *,
    durable: bool,
    quarantine: Quarantine,
) -> None:
    """Append lines, with the header first in a new file; the caller holds the lock.

    Args:
        directory: the file's folder.
        name: the file's name.
        columns: the header's names.
        lines: encoded records, each with its line feed.
        durable: whether the lines must survive a power loss once this returns.
        quarantine: stores the bytes of a torn last line, with the reason.

    Raises:
        ForeignFileError: the file holds something else.
        OSError: the lines could not be written; the file is as it was before.
    """
    descriptor, size = _open_without_torn_line(directory, name, columns, quarantine, os.O_CREAT)
    try:
        header = [] if size else [codec.encode_line(list(columns))]
        _write_or_restore(descriptor, b"".join([*header, *lines]), size, durable=durable)
    finally:
        os.close(descriptor)
    if durable and header:
        directory.sync()


def remove_torn_line(
    directory: Directory,
    name: str,
    columns: Sequence[str],
    quarantine: Quarantine,
) -> int:
    """Move a torn last line to quarantine and return the file's size, 0 where there is no file.

    Args: as for `append_lines`.

    Raises:
        ForeignFileError: the file holds something else.
        OSError: it can't be read or written.
    """
    try:
        descriptor, size = _open_without_torn_line(directory, name, columns, quarantine, 0)
    except FileNotFoundError:
        return 0
    os.close(descriptor)
    return size


def _open_without_torn_line(
    directory: Directory,
    name: str,
    columns: Sequence[str],
    quarantine: Quarantine,
    create: int,
) -> tuple[int, int]:
    descriptor = directory.open_file(name, os.O_RDWR | os.O_APPEND | create)
    try:
        size = os.fstat(descriptor).st_size
        if size:
            _check_header(descriptor, name, columns)
            size = _end_in_line_feed(descriptor, size, len(columns), quarantine)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, size


def _write_or_restore(descriptor: int, data: bytes, size: int, *, durable: bool) -> None:
    try:
        write_all(descriptor, data)
        if durable:
            # A failed fsync is not repeated: the kernel may have dropped the pages, and the next
            # fsync would succeed without them.
            os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _check_header(descriptor: int, name: str, columns: Sequence[str]) -> None:
    head = read_at(descriptor, _BLOCK, 0)
    first, ended, _ = head.removeprefix(_BOM).partition(b"\n")
    if not ended:
        # A torn header is the start of a ledger; a power loss can leave NULs in it.
        if codec.encode_line(list(columns)).startswith(first.rstrip(b"\0")):
            return
        raise ForeignFileError(name)
    # A ledger that lost its first sectors begins with a NUL, which other files do not.
    if first.startswith(b"\0"):
        return
    found = first.rstrip(b"\r").replace(b'"', b"").split(b",")
    if found[: len(columns)] == [column.encode() for column in columns]:
        return
    # A ledger that lost its header is still a ledger.
    if len(found) >= len(columns) and any(c[:2].isdigit() and b"T" in c for c in found[:2]):
        return
    raise ForeignFileError(name)


def _end_in_line_feed(descriptor: int, size: int, width: int, quarantine: Quarantine) -> int:
    if read_at(descriptor, 1, size - 1) == b"\n":
        return size
    start = after_last_line_feed(descriptor, size, max(0, size - _MAX_TORN))
    if start < 0:
        # Copying that much would take too long under the lock: it becomes a line of its own.
        write_all(descriptor, b"\n")
        return size + 1
    if _is_whole_record(descriptor, start, size, width):
        write_all(descriptor, b"\n")  # an editor took off the last line feed
        return size + 1
    quarantine(_blocks(descriptor, start, size), "torn last line")
    os.ftruncate(descriptor, start)
    return start


def _blocks(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    # A workspace can contain a file of any size, which need not fit into memory.
    for at in range(start, end, _BLOCK):
        yield read_at(descriptor, min(_BLOCK, end - at), at)


def _is_whole_record(descriptor: int, start: int, end: int, width: int) -> bool:
    # A record that was cut inside its error message could look whole. One that ends with the
    # empty message of an execution without an error can't have been cut.
    length = max(map(len, _WHOLE_ENDS))
    if end - start > _MAX_RECORD:
        return False
    if not read_at(descriptor, length, max(start, end - length)).endswith(_WHOLE_ENDS):
        return False
    try:
        tail = read_at(descriptor, end - start, start).decode("utf-8")
        return len(codec.split_line(tail)) == width
    except ValueError:
        return False


def after_last_line_feed(descriptor: int, size: int, least: int = 0) -> int:
    """Return the offset after the last line feed of a file of this size, 0 where it has none.

    Args:
        descriptor: the file.
        size: its size, or the part of it to look in.
        least: the offset to stop at; -1 is the answer if there is none from there on.

    Raises:
        OSError: the file can't be read.
    """
    end = size
    while end > least:
        start = max(least, end - _BLOCK)
        found = read_at(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return -1 if least else 0
