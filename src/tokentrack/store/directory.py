"""One folder, held open: everything in it is reached from its descriptor, never through a path.

A workspace is not trusted. Its files can be links, FIFOs or devices, and can be swapped between
a check and a use; so nothing is followed below the folder, and what was opened is what is
checked. Where the system has no `openat` (Windows), the same calls go by path.

One file because every call is made relative to the same held descriptor.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

# Whether calls take a folder's descriptor; Windows has none of them.
_AT = os.open in os.supports_dir_fd

_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_WRITES = os.O_WRONLY | os.O_RDWR
_NO_ENTRIES = frozenset({"", os.curdir, os.pardir})
_PATH_MARKS = "/\0" if _AT else "/\\:\0"
_OPEN_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _COMMON


class Directory:
    """A folder; close it, or use it in a `with` statement."""

    __slots__ = ("_at", "_descriptor", "_source_at", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        """Keep an open folder; `path` is only for people and for systems without `openat`."""
        self.path = path
        self._descriptor = descriptor
        self._at: dict[str, Any] = {"dir_fd": descriptor} if _AT else {}
        self._source_at: dict[str, Any] = (
            {"src_dir_fd": descriptor, "dst_dir_fd": descriptor} if _AT else {}
        )

    @classmethod
    def open(cls, path: str, *, create: bool = False) -> Self:
        """Open a folder by its path, which the caller trusts; links on the way are followed.

        Raises:
            OSError: it does not exist and is not to be made, or can't be made.
        """
        if not _AT:
            if create:
                _make_private(path)
            elif not os.path.isdir(path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return cls(path, -1)
        try:
            return cls(path, os.open(path, _OPEN_FOLDER))
        except FileNotFoundError:
            if not create:
                raise
            _make_private(path)
            return cls(path, os.open(path, _OPEN_FOLDER))

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], *, create: bool = False) -> _FileIn:
        """Open the folder that a file is in: `with Directory.of_file(p) as (folder, name)`."""
        head, name = os.path.split(os.path.abspath(path))
        return _FileIn(cls.open(head, create=create), name)

    def child(self, name: str, *, create: bool = False) -> Directory:
        """Open a folder in this one, never through a link; a new one is private.

        A new one survives a power loss: what is in it would be gone with its name.

        Raises:
            OSError: it does not exist and is not to be made, or is no folder of its own.
        """
        entry = self._name(name)
        path = os.path.join(self.path, name)
        if not _AT:
            return Directory.open(path, create=create)
        try:
            return Directory(path, os.open(entry, _OPEN_FOLDER | _NO_FOLLOW, **self._at))
        except FileNotFoundError:
            if not create:
                raise
        try:
            os.mkdir(name, 0o700, **self._at)
        except FileExistsError:
            pass  # another process was faster
        self.sync()
        return Directory(path, os.open(name, _OPEN_FOLDER | _NO_FOLLOW, **self._at))

    def open_file(self, name: str, flags: int) -> int:
        """Open a regular file of one link that is ours, and return its descriptor.

        One that is opened to be written becomes private.

        Raises:
            OSError: it can't be opened, or is a link, a FIFO, a device or another user's.
        """
        flags |= _COMMON | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(self._name(name), flags, 0o600, **self._at)
        try:
            self._check(descriptor, name, is_written=flags & _WRITES != 0)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _check(self, descriptor: int, name: str, *, is_written: bool) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EPERM, "no regular file", name)
        if status.st_nlink > 1:
            raise OSError(errno.EPERM, f"has {status.st_nlink} names", name)
        if hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
            raise OSError(errno.EPERM, "another user's file", name)
        mode = status.st_mode
        if _AT and is_written and (mode & 0o077 or not mode & 0o600):
            try:
                os.fchmod(descriptor, 0o600)  # of git, an editor, or a mask that leaves nothing
            except OSError:
                pass  # a mount where all files have one mode: a row matters more

    def read(self, name: str, limit: int) -> bytes:
        """Return at most `limit` bytes of a file.

        Raises:
            OSError: it can't be read.
        """
        descriptor = self.open_file(name, os.O_RDONLY)
        try:
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    def read_tail(self, name: str, length: int) -> bytes:
        """Return the last `length` bytes of a file.

        Raises:
            OSError: it can't be read.
        """
        descriptor = self.open_file(name, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            return read_at(descriptor, min(length, size), max(0, size - length))
        finally:
            os.close(descriptor)

    def replace(self, name: str, data: bytes, *, durable: bool, sync_folder: bool = True) -> None:
        """Write a file whole or not at all; with `durable` it survives a power loss.

        Without `sync_folder` the caller makes the folder durable, once for several files.

        Raises:
            OSError: it can't be written; the old file is still there.
        """
        temporary = f"{name}.{os.urandom(6).hex()}.tmp"
        self.create(temporary, data, durable=durable)
        try:
            os.replace(self._name(temporary), self._name(name), **self._source_at)
        except OSError:
            self.remove(temporary)
            raise
        if durable and sync_folder:
            self.sync()

    def create(self, name: str, data: bytes, *, durable: bool) -> None:
        """Write a new file, and remove it again when that fails.

        Raises:
            OSError: it exists already or can't be written.
        """
        descriptor = self.open_file(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        except OSError:
            self.remove(name)
            raise
        finally:
            os.close(descriptor)

    def rename_to(self, name: str, other: Directory, new_name: str) -> None:
        """Move a file into another folder of the same file system, replacing what is there.

        Raises:
            OSError: it can't be moved.
        """
        at = {"src_dir_fd": self._descriptor, "dst_dir_fd": other._descriptor} if _AT else {}
        os.replace(self._name(name), other._name(new_name), **at)

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is fine.

        Raises:
            OSError: it can't be removed.
        """
        try:
            os.unlink(self._name(name), **self._at)
        except FileNotFoundError:
            pass

    def remove_old(self, name: str, before: float) -> None:
        """Remove a file that was last changed before a time in seconds since the epoch.

        Raises:
            OSError: it can't be removed.
        """
        try:
            is_old = self.status(name).st_mtime < before
        except FileNotFoundError:
            return
        if is_old:
            self.remove(name)

    def names(self) -> list[str]:
        """Return the names in the folder, sorted."""
        return sorted(os.listdir(self._descriptor if _AT else self.path))

    def scan(self) -> Iterator[str]:
        """Yield the names in the folder in no order, without looking at all of them first."""
        with os.scandir(self._descriptor if _AT else self.path) as entries:
            for entry in entries:
                yield entry.name

    def has(self, name: str) -> bool:
        """Tell whether there is an entry of this name."""
        try:
            self.status(name)
        except OSError:
            return False
        return True

    def status(self, name: str) -> os.stat_result:
        """Return the status of an entry, of a link itself.

        Raises:
            OSError: there is none.
        """
        return os.stat(self._name(name), follow_symlinks=False, **self._at)

    def sync(self) -> None:
        """Make the folder's entries survive a power loss (a no-op without `openat`)."""
        if _AT:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the folder; closing twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _name(self, name: str) -> str:
        # `openat` follows "..", and an absolute name wins over the descriptor.
        if not is_entry_name(name):
            raise OSError(errno.EINVAL, "no name of an entry of a folder")
        return name if _AT else os.path.join(self.path, name)

    def __enter__(self) -> Self:
        """Return the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the folder."""
        self.close()


def is_entry_name(name: str) -> bool:
    """Tell whether a name can only mean an entry of the folder in which it is looked up."""
    return name not in _NO_ENTRIES and not any(mark in name for mark in _PATH_MARKS)


def _make_private(path: str) -> None:
    # `os.makedirs` gives the folders on the way the mode of the umask.
    above = os.path.dirname(path) or os.curdir
    if above != path and not os.path.isdir(above):
        _make_private(above)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass  # another process was faster
    with Directory.open(above) as folder:
        folder.sync()


class _FileIn:
    # A file as its open folder and its name.
    __slots__ = ("_directory", "_name")

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self._name = name

    def __enter__(self) -> tuple[Directory, str]:
        return self._directory, self._name

    def __exit__(self, *_: object) -> None:
        self._directory.close()


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, whatever the system takes at a time.

    Raises:
        OSError: not all could be written.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Return `length` bytes from an offset, fewer only where the file ends before.

    Raises:
        OSError: they can't be read.
    """
    os.lseek(descriptor, offset, os.SEEK_SET)
    chunks = []
    while length > 0 and (chunk := os.read(descriptor, length)):
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)
