"""Open files and folders that may be hostile, and replace files atomically.

A workspace is not trusted. Its files can be links, FIFOs or devices, and can be swapped between
a check and a use. So a file is opened first and checked by its descriptor, without waiting for a
FIFO's other end; and everything in a `Directory` is reached from the open folder, never through a
path. Where the system has no `openat` (Windows), the same calls go by path.

One file because the hook loads all of it, and each further module costs the hook time.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

# Whether calls take a folder's descriptor; Windows has none of them.
_AT = os.open in os.supports_dir_fd

_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # for a FIFO, which may have no other end
_NOT_OPENED = (errno.ENXIO, errno.EOPNOTSUPP)  # a socket; a FIFO without its other end
_WRITES = os.O_WRONLY | os.O_RDWR
_NO_ENTRIES = frozenset({"", os.curdir, os.pardir})
_PATH_MARKS = "/\0" if _AT else "/\\:\0"
_OPEN_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _COMMON


class NotRegularError(OSError):
    """A link that is not followed, a folder, a FIFO or a device, where a file is needed."""


class TooLargeError(OSError):
    """A file is larger than any that this program writes in its place."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.EFBIG, "larger than this program writes it", name)


def open_regular(path: str, flags: int = os.O_RDONLY, *, follow: bool) -> int:
    """Open a regular file, without ever waiting, and return its descriptor.

    Args:
        path: the file.
        flags: how to open it, as for `os.open`; a new file is private.
        follow: whether the last part of the path may be a link.

    Raises:
        NotRegularError: it is something else.
        OSError: it can't be opened.
    """
    return _open(path, flags if follow else flags | _NO_FOLLOW, 0o600, None, follow)[0]


def _open(
    path: str, flags: int, mode: int, at: int | None, follow: bool
) -> tuple[int, os.stat_result]:
    if not (follow or _NO_FOLLOW) and os.path.islink(path):  # Windows
        raise NotRegularError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    try:
        descriptor = os.open(path, flags | _COMMON | _NO_WAIT, mode, dir_fd=at)
    except OSError as error:
        if error.errno in _NOT_OPENED or (error.errno == errno.ELOOP and not follow):
            raise NotRegularError(error.errno, error.strerror, path) from None
        raise
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return descriptor, status
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise NotRegularError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise NotRegularError(errno.EPERM, "not a regular file", path)


def read_regular(path: str, limit: int, *, follow: bool) -> bytes:
    """Return at most the first `limit` bytes of a regular file; see `open_regular`.

    Raises:
        NotRegularError: it is something else.
        OSError: it can't be opened or read.
    """
    descriptor = open_regular(path, follow=follow)
    try:
        return read_at(descriptor, limit, 0)
    finally:
        os.close(descriptor)


class Directory:
    """A folder; close it, or use it in a `with` statement."""

    __slots__ = ("_at", "_descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        """Take an open folder; `path` is for messages and for systems without `openat`."""
        self.path = path
        self._descriptor = descriptor
        self._at = descriptor if _AT else None

    @classmethod
    def open(cls, path: str, *, create: bool = False) -> Self:
        """Open a folder by its path, which must be trusted: links in it are followed.

        Raises:
            OSError: it can't be opened or, with `create`, created.
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
        """Open the folder of a file: `with Directory.of_file(path) as (folder, name)`."""
        head, name = os.path.split(os.path.abspath(path))
        return _FileIn(cls.open(head, create=create), name)

    def child(self, name: str, *, create: bool = False, private: bool = True) -> Directory:
        """Open a folder in this one, never through a link.

        A new folder survives a power loss, which would otherwise take the files in it too. With
        `private` it is for the user alone.

        Raises:
            OSError: it can't be opened or, with `create`, created; or it is a link or a file.
        """
        entry = self._name(name)
        path = os.path.join(self.path, name)
        if not _AT:
            if os.path.islink(path):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            return Directory.open(path, create=create)
        try:
            return Directory(path, os.open(entry, _OPEN_FOLDER | _NO_FOLLOW, dir_fd=self._at))
        except FileNotFoundError:
            if not create:
                raise
        try:
            os.mkdir(name, 0o700 if private else 0o777, dir_fd=self._at)
        except FileExistsError:
            pass  # another process was faster
        self.sync()
        return Directory(path, os.open(name, _OPEN_FOLDER | _NO_FOLLOW, dir_fd=self._at))

    def descend(
        self, names: Iterable[str], *, create: bool = False, private: bool = True
    ) -> Directory:
        """Open a folder some levels below, as by `child`, and close this one and those between.

        Raises:
            OSError: one of the folders can't be opened.
        """
        folder = self
        for name in names:
            with folder:
                inner = folder.child(name, create=create, private=private)
            folder = inner
        return folder

    def open_file(self, name: str, flags: int, *, private: bool = True) -> int:
        """Open a regular file, never through a link, and return its descriptor.

        Args:
            name: the file.
            flags: how to open it, as for `os.open`.
            private: whether it is one of this program's own. Then it must belong to the user and
                have no second hard link, and becomes private when it is opened to be written.

        Raises:
            OSError: it can't be opened, or is not such a file.
        """
        mode = 0o600 if private else 0o666
        descriptor, status = _open(self._name(name), flags | _NO_FOLLOW, mode, self._at, False)
        if private:
            try:
                _check_private(descriptor, status, name, is_written=flags & _WRITES != 0)
            except OSError:
                os.close(descriptor)
                raise
        return descriptor

    def read(self, name: str, limit: int) -> bytes:
        """Return at most the first `limit` bytes of a file.

        Raises:
            OSError: it can't be read.
        """
        descriptor = self.open_file(name, os.O_RDONLY)
        try:
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    def read_whole(self, name: str, limit: int) -> bytes:
        """Return a file of at most `limit` bytes.

        Raises:
            TooLargeError: it is larger.
            OSError: it can't be read.
        """
        descriptor = self.open_file(name, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            if size > limit:
                raise TooLargeError(name)
            return read_at(descriptor, size, 0)
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

    def replace(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        durable: bool,
        sync_folder: bool = True,
    ) -> None:
        """Write a file whole or not at all, from bytes or from chunks; see `replacing`.

        Raises:
            OSError: it can't be written; the old file is still there.
        """
        chunks = (data,) if isinstance(data, bytes) else data
        with self.replacing(name, durable=durable, sync_folder=sync_folder) as descriptor:
            for chunk in chunks:
                write_all(descriptor, chunk)

    def replacing(
        self, name: str, *, durable: bool, sync_folder: bool = True, private: bool = True
    ) -> _Replacement:
        """Give the descriptor of a new file, which takes a name at the end of the `with` block.

        A reader sees the old file or the new one. An error in the block leaves the old one.

        Args:
            name: the file to replace or to make.
            durable: whether a power loss after the block can't take the new file away.
            sync_folder: with False the caller makes the folder durable, once for several files.
            private: whether the new file is for the user alone.
        """
        return _Replacement(self, name, durable, durable and sync_folder, private)

    def create(self, name: str, data: bytes, *, durable: bool) -> None:
        """Write a new file, and remove it if that fails.

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
        """Move a file to another folder of the same file system, and replace a file there.

        Raises:
            OSError: it can't be moved.
        """
        os.replace(
            self._name(name), other._name(new_name), src_dir_fd=self._at, dst_dir_fd=other._at
        )

    def remove(self, name: str) -> None:
        """Remove a file, if it exists.

        Raises:
            OSError: it can't be removed.
        """
        try:
            os.unlink(self._name(name), dir_fd=self._at)
        except FileNotFoundError:
            pass

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder.

        Raises:
            OSError: it can't be removed, or is not an empty folder.
        """
        os.rmdir(self._name(name), dir_fd=self._at)

    def remove_old(self, name: str, before: float) -> bool:
        """Remove a file if it was last changed before a time, in seconds since the epoch.

        Returns whether it is gone.

        Raises:
            OSError: it can't be removed.
        """
        try:
            is_old = self.status(name).st_mtime < before
        except FileNotFoundError:
            return True
        if is_old:
            self.remove(name)
        return is_old

    def names(self) -> list[str]:
        """Return the names in the folder, sorted."""
        return sorted(os.listdir(self._descriptor if _AT else self.path))

    def scan(self) -> Iterator[str]:
        """Yield the names in the folder, unsorted and without listing all of them first."""
        with os.scandir(self._descriptor if _AT else self.path) as entries:
            for entry in entries:
                yield entry.name

    def scan_files(self) -> Iterator[tuple[str, bool]]:
        """Yield each name in the folder as `scan` does, and whether it is a regular file."""
        with os.scandir(self._descriptor if _AT else self.path) as entries:
            for entry in entries:
                yield entry.name, entry.is_file(follow_symlinks=False)

    def has(self, name: str) -> bool:
        """Tell whether there is an entry of this name."""
        try:
            self.status(name)
        except OSError:
            return False
        return True

    def status(self, name: str) -> os.stat_result:
        """Return the status of an entry; of a link, not of its target.

        Raises:
            OSError: it does not exist.
        """
        return os.stat(self._name(name), follow_symlinks=False, dir_fd=self._at)

    def sync(self) -> None:
        """Make the folder's entries survive a power loss; does nothing without `openat`."""
        if _AT:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        # Forgotten first: after an interrupt in between, another file may have the number.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        """Close the folder also where an interrupt came before the `with` statement."""
        self.close()

    def is_file(self, name: str) -> bool:
        """Tell whether an entry is a regular file: not a folder, a link or a FIFO."""
        try:
            return stat.S_ISREG(self.status(name).st_mode)
        except OSError:
            return False

    def _name(self, name: str) -> str:
        # `openat` follows "..", and ignores the descriptor when the name is absolute.
        if not is_entry_name(name):
            raise OSError(errno.EINVAL, "not a plain file name")
        return name if _AT else os.path.join(self.path, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_private(descriptor: int, status: os.stat_result, name: str, *, is_written: bool) -> None:
    if status.st_nlink > 1:
        raise OSError(errno.EPERM, f"has {status.st_nlink} hard links", name)
    if hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
        raise OSError(errno.EPERM, "another user's file", name)
    mode = status.st_mode
    if _AT and is_written and (mode & 0o077 or not mode & 0o600):
        try:
            os.fchmod(descriptor, 0o600)  # as git, an editor or an odd umask left it
        except OSError:
            pass  # a mount with one mode for all files; a row must not be lost for it


class _Replacement:
    # A temporary file in the same folder, fsync, rename, fsync of the folder.
    __slots__ = ("_descriptor", "_durable", "_folder", "_name", "_sync_folder", "_temporary")

    def __init__(
        self, folder: Directory, name: str, durable: bool, sync_folder: bool, private: bool
    ) -> None:
        self._folder = folder
        self._name = name
        self._durable = durable
        self._sync_folder = sync_folder
        self._temporary = f"{name}.{os.urandom(6).hex()}.tmp"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        self._descriptor = folder.open_file(self._temporary, flags, private=private)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, kind: object, *_: object) -> None:
        replaced = False
        try:
            try:
                if kind is None and self._durable:
                    os.fsync(self._descriptor)
            finally:
                os.close(self._descriptor)
            if kind is None:
                self._folder.rename_to(self._temporary, self._folder, self._name)
                replaced = True
        finally:
            if not replaced:
                self._folder.remove(self._temporary)
        if replaced and self._sync_folder:
            self._folder.sync()


def is_entry_name(name: str) -> bool:
    """Tell whether a name can only refer to an entry of a folder, not to another folder's."""
    return name not in _NO_ENTRIES and not any(mark in name for mark in _PATH_MARKS)


def _make_private(path: str) -> None:
    # `os.makedirs` would create the folders above with the mode of the umask.
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
    """Write all bytes, in several writes if necessary.

    Raises:
        OSError: not all could be written.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Return `length` bytes from an offset, fewer only at the end of the file.

    Raises:
        OSError: they can't be read.
    """
    os.lseek(descriptor, offset, os.SEEK_SET)
    chunks = []
    while length > 0 and (chunk := os.read(descriptor, length)):
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)
