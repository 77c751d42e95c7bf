"""What lets a file be read again that the system refuses to open."""

from __future__ import annotations

import errno
import os

from tokentrack.hookfiles.commands import quoted
from tokentrack.hookfiles.files import free_backup

_IN_THE_WAY = frozenset({errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENOTDIR})


def to_read(path: str, error: OSError) -> str:
    """Return the command or the step that mends an error of opening a file."""
    folder = os.path.dirname(path)
    if error.errno in {errno.EACCES, errno.EPERM}:
        closed = _closed(folder)
        return to_allow("u+rwx", closed) if closed else to_allow("u+rw", path)
    if error.errno in _IN_THE_WAY:
        is_folder = os.path.isdir(folder) and not os.path.islink(folder)
        found = path if is_folder else folder
        return f"mv {quoted(found)} {quoted(free_backup(found))}"
    if error.errno == errno.EIO:
        return "the disk may fail: copy the folder to another one"
    return "run this again; if it stays, copy the file to another disk"


def _closed(folder: str) -> str:
    # The outermost folder that keeps the user out; "" if there is none.
    outer = os.path.dirname(folder)
    if outer != folder and (found := _closed(outer)):
        return found
    return "" if os.access(folder, os.X_OK) else folder


def to_allow(modes: str, path: str) -> str:
    """Return the command that gives the user rights in a file or folder, such as `u+rw`."""
    change = f"chmod {modes}" if _is_mine(path) else f"sudo chown {_user()}"
    return f"{change} {quoted(path)}"


def _is_mine(path: str) -> bool:
    return not hasattr(os, "getuid") or os.stat(path).st_uid == os.getuid()


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else ""
