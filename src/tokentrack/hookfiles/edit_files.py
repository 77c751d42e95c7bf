"""Read and change hook files and `.gitignore`: through no link, and never half a file.

A workspace is not trusted, and can change between the plan and the write. So each file is reached
from its trusted base folder through open folders, as in `tokentrack.store.directory`, and its
bytes are compared with the plan's just before they are replaced.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import FileSystemError
from tokentrack.hookfiles.plan import RefusedError, shown_path
from tokentrack.store.directory import (
    Directory,
    NotRegularError,
    read_at,
    read_regular,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.hookfiles.plan import Step

MAX_BYTES = 8 * 1024 * 1024


class LinkError(RefusedError):
    """A symbolic link is in the path of a file."""


class _Content(NamedTuple):
    # What a file holds: None and a mode of 0 where there is no file.
    data: bytes | None
    mode: int


def first_link(base: str, path: str) -> str:
    """Return the first symbolic link between `base` and `path`, "" when there is none."""
    current = base
    for part in os.path.relpath(path, base).split(os.sep):
        current = os.path.join(current, part)
        if os.path.islink(current):
            return current
    return ""


def read_file(path: str) -> bytes | None:
    """Return the bytes of a file that is only read, None when there is none.

    Raises:
        RefusedError: it can't be read, is too large, or is a link, a folder, a pipe or a device.
    """
    with _refusals():
        try:
            data = read_regular(path, MAX_BYTES + 1, follow=False)
        except FileNotFoundError:
            return None
        return _checked(data)


def read_before_change(base: str, path: str) -> bytes | None:
    """Return the bytes of a file that may be changed, None when there is none.

    Args:
        base: a trusted folder.
        path: a file somewhere below it.

    Raises:
        LinkError: there is a symbolic link below `base`.
        RefusedError: it can't be read, is too large, or is a folder, a pipe or a device.
    """
    with _refusals(), _links_named(base, path):
        try:
            with _folder_of(base, path) as (folder, name):
                return _read(folder, name).data
        except FileNotFoundError:
            return None


def free_backup(path: str) -> str:
    """Return the first unused name of `NAME.orig`, `NAME.orig.1`, `NAME.orig.2` and so on."""
    candidate, number = f"{path}.orig", 0
    while os.path.lexists(candidate):
        number += 1
        candidate = f"{path}.orig.{number}"
    return candidate


def apply(step: Step) -> None:
    """Do one step of a plan: write, replace or remove its file, or remove its empty folder.

    Raises:
        FileSystemError: the file is no longer as planned, or can't be changed.
    """
    base, path = step.base, step.path
    create = step.after is not None
    with (
        _failures_explained(path),
        _links_named(base, path),
        _folder_of(base, path, create=create) as (folder, name),
    ):
        if step.before is None and step.after is None:
            folder.remove_folder(name)
            return
        found = _read(folder, name)
        if found.data != step.before:
            raise FileSystemError(
                f"{shown_path(path)} has changed meanwhile: run the command again"
            )
        if step.backup and step.before is not None:
            _replace(folder, os.path.basename(step.backup), step.before, found.mode)
        if step.after is None:
            folder.remove(name)
        else:
            _replace(folder, name, step.after, found.mode)


@contextlib.contextmanager
def _folder_of(base: str, path: str, *, create: bool = False) -> Iterator[tuple[Directory, str]]:
    # The open folder of a file below `base`, and the file's name.
    if path == base:
        base = os.path.dirname(base)
    *folders, name = os.path.relpath(path, base).split(os.sep)
    if create:
        os.makedirs(base, exist_ok=True)
    with Directory.open(base).descend(folders, create=create, private=False) as folder:
        yield folder, name


def _read(folder: Directory, name: str) -> _Content:
    try:
        descriptor = folder.open_file(name, os.O_RDONLY, private=False)
    except FileNotFoundError:
        return _Content(None, 0)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        return _Content(_checked(read_at(descriptor, MAX_BYTES + 1, 0)), mode)
    finally:
        os.close(descriptor)


def _replace(folder: Directory, name: str, data: bytes, mode: int) -> None:
    # A new file has the mode of the umask, since it may be committed and shared.
    with folder.replacing(name, durable=True, private=False) as descriptor:
        write_all(descriptor, data)
        if mode and os.name == "posix":
            os.fchmod(descriptor, mode)


def _checked(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise RefusedError("is larger than 8 MiB, too large for a Kiro hook file or agent config")
    return data


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    # A file that can't be read is refused, and its plan says why.
    try:
        yield
    except NotRegularError as error:
        raise RefusedError("is not a regular file: move it away") from error
    except OSError as error:
        raise RefusedError(f"cannot be read: {error.strerror}; fix or move it") from error


@contextlib.contextmanager
def _links_named(base: str, path: str) -> Iterator[None]:
    # The system's error does not say which part of the path is a link.
    try:
        yield
    except OSError as error:
        link = first_link(base, path)
        if not link:
            raise
        raise LinkError(
            f"{shown_path(link)} is a symbolic link: Kiro ignores linked hook files and tokentrack "
            "does not write through links, so replace it with a real file or folder"
        ) from error


@contextlib.contextmanager
def _failures_explained(path: str) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        raise FileSystemError(f"{shown_path(path)}: {error}") from error
    except FileSystemError:
        raise  # it says what is wrong
    except OSError as error:
        raise FileSystemError(
            f"{shown_path(path)} cannot be changed ({error.strerror}): "
            "check the permissions and the disk, then run the command again"
        ) from error
