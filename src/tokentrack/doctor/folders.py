"""Whether the ledger's folder can be written, and is one that a lock and a rename hold in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.doctor.access import to_allow
from tokentrack.doctor.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.hookfiles.commands import quoted
from tokentrack.hookfiles.files import first_link, free_backup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.store.place import Place

_AREA = "folders"
# Names that the services give to the folders they keep in step with other machines.
_SYNCED = ("Dropbox", "OneDrive", "Google Drive", "GoogleDrive", "iCloud Drive", "Nextcloud",
           "com~apple~CloudDocs", "CloudStorage")  # fmt: skip
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "sshfs", "fuse.sshfs", "9p",
                      "afpfs", "webdav", "davfs"})  # fmt: skip
_MOUNTS = "/proc/mounts"
_ELSEWHERE = "set csv_file_path in ~/.kiro/token_tracker_config.json to a folder of this machine"


def examine_folders(place: Place, mounts: str = _MOUNTS) -> Iterator[Finding]:
    """Yield what stands in the way of writing the ledger; `mounts` lists the file systems."""
    yield from _of_use(place)
    folder = os.path.realpath(_existing(place.folder))
    service = next((s for s in _SYNCED if _is_part(folder, s)), "")
    if service:
        yield Finding(_AREA, WARNING, f"{folder} is kept in step by {service}: two machines that "
                      "write at once make conflicting copies", _ELSEWHERE)  # fmt: skip
    kind = _file_system(folder, mounts)
    if kind in _NETWORK:
        yield Finding(_AREA, WARNING, f"{folder} is on a network file system ({kind}), where locks "
                      "may not hold and hooks are slow", _ELSEWHERE)  # fmt: skip


def _of_use(place: Place) -> Iterator[Finding]:
    wait = "turns wait in the user's folder"
    # The base is the user's choice and may be a link; what a workspace brings may not.
    link = first_link(place.base, place.folder) if place.folders else ""
    folder = link or _existing(place.folder)
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
