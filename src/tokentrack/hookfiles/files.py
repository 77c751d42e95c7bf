"""Read and change single files: never through a link, never half a file."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from tokentrack.common.terminal import escape
from tokentrack.errors import FileSystemError
from tokentrack.hookfiles.findings import Problem, error
from tokentrack.hookfiles.plan import RefusedError, shown_path
from tokentrack.store.directory import Directory, NotRegularError, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.hookfiles.plan import Action

_MAX_BYTES = 8 * 1024 * 1024


def first_link(base: str, path: str) -> str:
    """Return the first symbolic link between `base` and `path`, "" when there is none."""
    current = base
    for part in os.path.relpath(path, base).split(os.sep):
        current = os.path.join(current, part)
        if os.path.islink(current):
            return current
    return ""


def check_path(base: str, path: str) -> None:
    """Refuse a path that has a symbolic link below `base`.

    Raises:
        RefusedError: with the link's name.
    """
    link = first_link(base, path)
    if link:
        raise RefusedError(
            f"{shown_path(link)} is a symbolic link: Kiro skips linked hook files and "
            "tokentrack does not write through links, so put a real file or folder there"
        )


def read_file(path: str) -> bytes | None:
    """Return the bytes of a regular file, None when there is none.

    Raises:
        RefusedError: it cannot be read, is too large, or is a link, a folder, a pipe or a device.
    """
    try:
        data = read_regular(path, _MAX_BYTES + 1, follow=False)
    except FileNotFoundError:
        return None
    except NotRegularError as error:
        raise RefusedError("is not a regular file: move it away") from error
    except OSError as error:
        raise RefusedError(f"cannot be read: {error.strerror}; fix or move it") from error
    if len(data) > _MAX_BYTES:
        raise RefusedError("is larger than 8 MiB: Kiro's hook files and agent configs are not")
    return data


def free_backup(path: str) -> str:
    """Return the first unused name of `NAME.orig`, `NAME.orig.1`, `NAME.orig.2` and so on."""
    candidate, number = f"{path}.orig", 0
    while os.path.lexists(candidate):
        number += 1
        candidate = f"{path}.orig.{number}"
    return candidate


def apply(action: Action) -> None:
    """Do one step of a plan: write, replace or remove its file, or remove its empty folder.

    Raises:
        RefusedError: the path became a link.
        FileSystemError: the disk says no, or the file is no longer what the plan saw.
    """
    check_path(action.base, action.path)
    with _explained(action.path):
        if action.before is None and action.after is None:
            os.rmdir(action.path)
            return
        if read_file(action.path) != action.before:
            raise FileSystemError(
                f"{shown_path(action.path)} changed meanwhile: run the command again"
            )
        if action.backup and action.before is not None:
            _write(action.backup, action.before, like=action.path)
        if action.after is None:
            os.unlink(action.path)
        else:
            os.makedirs(os.path.dirname(action.path), exist_ok=True)
            _write(action.path, action.after, like=action.path)


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        raise FileSystemError(f"{shown_path(path)}: {error}") from error
    except OSError as error:
        place = escape(error.filename) if isinstance(error.filename, str) else shown_path(path)
        raise FileSystemError(
            f"{shown_path(path)} cannot be changed ({error.strerror}: {place}): "
            "check the permissions and the disk, then run the command again"
        ) from error


def _write(path: str, data: bytes, *, like: str) -> None:
    # In the same folder, since only a rename within one filesystem is atomic.
    temporary = os.path.join(os.path.dirname(path), f".tokentrack-{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(like):
            shutil.copymode(like, temporary)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    # What replaces the original comes next, and must not reach the disk before its copy.
    with Directory.open(os.path.dirname(path)) as folder:
        folder.sync()


LARGEST = 16 * 1024 * 1024
_TOO_LARGE = error(
    None,
    f"the file is larger than {LARGEST // 1024 // 1024} MiB and was not read",
    "a hook file holds a few lines of JSON: move everything else out of it",
)
_NOT_REGULAR = error(
    None,
    "this is not a regular file and was not read",
    "put an ordinary file here, or remove it",
)


def read_bytes(path: str) -> bytes | Problem:
    """Return the content of a regular file, or what keeps it from being read."""
    try:
        data = read_regular(path, LARGEST + 1, follow=True)
    except NotRegularError:
        return _NOT_REGULAR
    except OSError as problem:
        return unreadable(problem)
    return data if len(data) <= LARGEST else _TOO_LARGE


def unreadable(problem: OSError) -> Problem:
    """Say why a file or folder cannot be read."""
    reason = problem.strerror or type(problem).__name__
    return error(None, f"it cannot be read ({reason})", "mend its permissions or remove it")
