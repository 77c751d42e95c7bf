"""Whether the ledger's folder can be written, and is one that a lock and a rename hold in."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.hookfiles.entries import quoted
from tokentrack.hookfiles.files import first_link, free_backup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.store.paths import LedgerPaths

_IN_THE_WAY = frozenset({errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENOTDIR})


def to_read(path: str, error: OSError) -> str:
    """Return the command or the step that fixes an error of opening a file."""
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


_AREA = "folders"
# Names that the services give to the folders they keep in step with other machines.
_SYNCED = ("Dropbox", "OneDrive", "Google Drive", "GoogleDrive", "iCloud Drive", "Nextcloud",
           "com~apple~CloudDocs", "CloudStorage")  # fmt: skip
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "sshfs", "fuse.sshfs", "9p",
                      "afpfs", "webdav", "davfs"})  # fmt: skip
_MOUNTS = "/proc/mounts"
_ELSEWHERE = "set csv_file_path in ~/.kiro/token_tracker_config.json to a folder of this machine"


def examine_folders(paths: LedgerPaths, mounts: str = _MOUNTS) -> Iterator[Finding]:
    """Yield what stands in the way of writing the ledger; `mounts` lists the file systems."""
    yield from _of_use(paths)
    folder = os.path.realpath(_existing(paths.folder))
    service = next((s for s in _SYNCED if _is_part(folder, s)), "")
    if service:
        yield Finding(_AREA, WARNING, f"{folder} is kept in step by {service}: two machines that "
                      "write at once make conflicting copies", _ELSEWHERE)  # fmt: skip
    kind = _file_system(folder, mounts)
    if kind in _NETWORK:
        yield Finding(_AREA, WARNING, f"{folder} is on a network file system ({kind}), where locks "
                      "may not hold and hooks are slow", _ELSEWHERE)  # fmt: skip


def _of_use(paths: LedgerPaths) -> Iterator[Finding]:
    wait = "turns wait in the user's folder"
    # The base is the user's choice and may be a link; what a workspace brings may not.
    link = first_link(paths.base, paths.folder) if paths.folders else ""
    folder = link or _existing(paths.folder)
    if link or not os.path.isdir(folder):
        what = "a link, which is not followed" if link else "no folder"
        yield Finding(_AREA, PROBLEM, f"{folder} is {what}: {wait}",
                      f"mv {quoted(folder)} {quoted(free_backup(folder))}")  # fmt: skip
    elif _is_read_only(folder):
        yield Finding(_AREA, PROBLEM, f"{folder} is mounted read-only: {wait}",
                      f"mount it so that it can be written, or {_ELSEWHERE}")  # fmt: skip
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(_AREA, PROBLEM, f"{folder} can't be written: {wait}",
                      to_allow("u+wx", folder))  # fmt: skip
    else:
        yield Finding(_AREA, OK, f"{folder} can be written")


def _is_read_only(folder: str) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):  # not on this system
        return False


def _existing(folder: str) -> str:
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _is_part(folder: str, name: str) -> bool:
    # A second account has its name behind: Dropbox (Work), OneDrive - Contoso.
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
        return ""  # no such list on this system
    return kind
