"""Whether the ledger's folder can be written and locked, and how to open what is closed."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from tokentrack.config.json_file import CONFIG_NAME
from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.hookfiles.edit_files import first_link, free_backup
from tokentrack.hookfiles.entries import quoted
from tokentrack.store.directory import NotRegularError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.diagnostics.setup import Setup

_AREA = "folders"
_IN_THE_WAY = frozenset({errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENOTDIR})
# Names that services give to the folders they sync with other machines.
_SYNCED = ("Dropbox", "OneDrive", "Google Drive", "GoogleDrive", "iCloud Drive", "Nextcloud",
           "com~apple~CloudDocs", "CloudStorage")  # fmt: skip
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "sshfs", "fuse.sshfs", "9p",
                      "afpfs", "webdav", "davfs"})  # fmt: skip
_MOUNTS = "/proc/mounts"
_ELSEWHERE = "set csv_file_path in ~/.kiro/token_tracker_config.json to a folder on this machine"
_TRUSTED_VARIABLE = "KIRO_TOKEN_TRACKER_TRUSTED_FOLDERS"
_QUEUED = "events are queued in your state folder meanwhile"


def check_folder(setup: Setup) -> Iterator[Finding]:
    """Yield whether the ledger's folder, or the nearest one above that exists, can be written."""
    paths = setup.paths
    # The base is the user's choice and may be a link; what a workspace brings may not.
    link = first_link(paths.base, paths.folder) if paths.folders else ""
    folder = link or _existing(paths.folder)
    if link or not os.path.isdir(folder):
        what = "a link, which is not followed" if link else "not a folder"
        yield Finding(_AREA, PROBLEM, f"{folder} is {what}; {_QUEUED}", _move_away(folder))
    elif _is_read_only(folder):
        yield Finding(_AREA, PROBLEM, f"{folder} is mounted read-only; {_QUEUED}",
                      f"mount it so that it can be written, or {_ELSEWHERE}")  # fmt: skip
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(_AREA, PROBLEM, f"{folder} can't be written; {_QUEUED}", to_list(folder))
    elif _is_full(folder):
        yield Finding(_AREA, PROBLEM, f"the disk of {folder} is full, so events may be lost",
                      "free some space")  # fmt: skip
    else:
        yield Finding(_AREA, OK, f"{folder} can be written")


def check_owner(setup: Setup) -> Iterator[Finding]:
    """Yield that the workspace's folder belongs to another user, so that it is not used."""
    if setup.foreign:
        folder = os.path.join(setup.foreign, ".kiro")
        yield Finding(
            _AREA, WARNING,
            f"{folder} belongs to another user and is not used; turns are recorded in your own "
            f"ledger, {setup.paths.path}",
            f"add {setup.foreign} to trusted_folders in "
            f"{os.path.join(setup.kiro_home, CONFIG_NAME)} or to {_TRUSTED_VARIABLE}",
        )  # fmt: skip


def check_file_system(setup: Setup, mounts: str = _MOUNTS) -> Iterator[Finding]:
    """Yield a warning for a folder on which locks or renames may fail.

    Args:
        setup: whose ledger's folder is checked.
        mounts: the file that lists the mounted file systems, in the format of /proc/mounts.
    """
    folder = os.path.realpath(_existing(setup.paths.folder))
    service = next((name for name in _SYNCED if _is_part(folder, name)), "")
    if service:
        yield Finding(_AREA, WARNING, f"{folder} is synced by {service}; two machines writing at "
                      "once create conflicting copies", _ELSEWHERE)  # fmt: skip
    kind = _file_system(folder, mounts)
    if kind in _NETWORK:
        yield Finding(_AREA, WARNING, f"{folder} is on a network file system ({kind}), where locks "
                      "may not hold and hooks are slow", _ELSEWHERE)  # fmt: skip


def to_read(path: str, error: OSError) -> str:
    """Return the command or the step that fixes an error of opening a file."""
    folder = os.path.dirname(path)
    if isinstance(error, NotRegularError) or error.errno in _IN_THE_WAY:
        is_folder = os.path.isdir(folder) and not os.path.islink(folder)
        return _move_away(path if is_folder else folder)
    if error.errno == errno.EPERM and os.stat(path).st_nlink > 1:
        return f"cp -p {quoted(path)} {quoted(path)}.copy && mv {quoted(path)}.copy {quoted(path)}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        closed = _closed(folder)
        return to_list(closed) if closed else _to_allow("u+rw", path)
    if error.errno == errno.EIO:
        return "the disk may be failing: copy the folder to another one"
    return "run this again; if the error stays, copy the file to another disk"


def to_list(folder: str) -> str:
    """Return the command that lets the user list and change a folder."""
    return _to_allow("u+rwx", _closed(folder) or folder)


def _closed(folder: str) -> str:
    # The outermost folder that keeps the user out; "" if there is none.
    outer = os.path.dirname(folder)
    if outer != folder and (found := _closed(outer)):
        return found
    return "" if os.access(folder, os.X_OK) else folder


def _to_allow(modes: str, path: str) -> str:
    is_mine = not hasattr(os, "getuid") or os.stat(path).st_uid == os.getuid()
    return (
        f"chmod {modes} {quoted(path)}" if is_mine else f"sudo chown {os.getuid()} {quoted(path)}"
    )


def _move_away(path: str) -> str:
    return f"mv {quoted(path)} {quoted(free_backup(path))}"


def _is_read_only(folder: str) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):  # not on this system
        return False


def _is_full(folder: str) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except (OSError, AttributeError):  # not on this system
        return False


def _existing(folder: str) -> str:
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _is_part(folder: str, name: str) -> bool:
    # A second account has its name appended: Dropbox (Work), OneDrive - Contoso.
    parts = folder.replace("\\", "/").split("/")
    return any(part == name or part.startswith((f"{name} ", f"{name}-")) for part in parts)


def _file_system(folder: str, mounts: str) -> str:
    best, kind = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = line.split(" ")
                point = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
                inside = folder == point or folder.startswith(point.rstrip("/") + "/")
                if point and inside and len(point) >= len(best):
                    best, kind = point, fields[2]
    except OSError:
        return ""  # not on this system
    return kind
