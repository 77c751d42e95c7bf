"""The quarantine of a state folder: what is there but was not written by this program.

Each file's name has the time and the reason. Nothing in the folder is read again.
"""

from __future__ import annotations

import errno
import os

from tokentrack.common.timestamps import format_us, now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.store.directory import Directory

QUARANTINE_NAME = "quarantine"
_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)


def keep(state: Directory, chunks: Iterable[bytes], reason: str) -> None:
    """Write bytes to the quarantine.

    Raises:
        OSError: they could not be written.
    """
    with open_own_folder(state, QUARANTINE_NAME) as folder:
        folder.replace(_new_name(reason), chunks, durable=True)


def set_aside(state: Directory, folder: Directory, name: str, reason: str) -> bool:
    """Move an entry to the quarantine, whatever its kind; return whether that was possible.

    Args:
        state: the folder with the quarantine.
        folder: where the entry is, on the same file system.
        name: the entry.
        reason: why.
    """
    try:
        with open_own_folder(state, QUARANTINE_NAME) as quarantine:
            folder.rename_to(name, quarantine, _new_name(reason))
    except OSError:
        return False
    return True


def open_own_folder(state: Directory, name: str) -> Directory:
    """Open one of this program's folders; a file or a link in its place gets another name.

    Raises:
        OSError: it can't be opened or made.
    """
    try:
        return state.child(name, create=True)
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
    # Next to it, since the quarantine itself may be what is in the way.
    state.rename_to(name, state, f"{name}-{_new_name('not a folder')}")
    return state.child(name, create=True)


def clear_way(state: Directory, folder: Directory, name: str) -> bool:
    """Move what is not a file, where a file is to be written, to the quarantine.

    Returns whether something was in the way and is gone.
    """
    if folder.is_file(name) or not folder.has(name):
        return False
    return set_aside(state, folder, name, "not a file")


def _new_name(reason: str) -> str:
    stamp = format_us(now_us()).replace(":", "").replace("-", "")
    return f"{stamp}-{reason.replace(' ', '-')}-{os.urandom(3).hex()}.bin"
