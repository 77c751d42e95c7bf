"""Make, list and remove backups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import FileSystemError
from tokentrack.maintenance.rows import earliest_and_latest, first_timestamp
from tokentrack.store.backup import backups_in, copy_ledger, usage_backup_of

if TYPE_CHECKING:
    from tokentrack.maintenance.session import Session
    from tokentrack.store.directory import Directory
    from tokentrack.store.place import Place

_HOUR = 3600
_MICROSECONDS = 1_000_000


class Backup(NamedTuple):
    """A backup: its name, its time in seconds since the epoch, and its size in bytes."""

    name: str
    at: float
    size: int


def list_backups(folder: Directory, place: Place) -> list[Backup]:
    """Return the backups of a ledger, the oldest first.

    Raises:
        OSError: the folder can't be read.
    """
    found = backups_in(folder, place.ledger)
    return [Backup(name, at, folder.status(name).st_size) for name, at in found.items()]


def create_backup(session: Session) -> str:
    """Back up the ledger and its usage ledger, and return the backup's name.

    Raises:
        FileSystemError: there is no ledger yet.
        OSError: the backup can't be written.
    """
    name = copy_ledger(session.held)
    if not name:
        raise FileSystemError(f"there is no ledger at {session.place.path} to back up")
    return name


def is_due(folder: Directory, place: Place, hours: float, now_seconds: float) -> bool:
    """Tell whether the ledger changed since a backup that is older than `hours`.

    Without a backup, since its first row. A time of the future, from a clock that was wrong,
    counts for nothing.

    Raises:
        OSError: the folder can't be read.
    """
    if place.ledger not in folder.names():
        return False
    times = list(backups_in(folder, place.ledger).values()) or [_began_at(folder, place)]
    newest = max((at for at in times if at <= now_seconds), default=0.0)
    changed = folder.status(place.ledger).st_mtime > newest
    return changed and now_seconds - newest >= hours * _HOUR


def _began_at(folder: Directory, place: Place) -> float:
    bounds = earliest_and_latest(first_timestamp(folder, place.ledger))
    return bounds[0] / _MICROSECONDS if bounds else 0.0


def superfluous(folder: Directory, place: Place, keep: int) -> list[str]:
    """Return the backups beyond the newest `keep`, with the usage ledger's that belong to none.

    Raises:
        OSError: the folder can't be read.
    """
    names = list(backups_in(folder, place.ledger))
    old = names[: max(0, len(names) - keep)]
    kept = {usage_backup_of(name, place.ledger, place.usage) for name in names[len(old) :]}
    return [*old, *[name for name in backups_in(folder, place.usage) if name not in kept]]


def remove_backups(session: Session, names: list[str]) -> None:
    """Remove backups.

    Raises:
        OSError: one can't be removed.
    """
    for name in names:
        session.folder.remove(name)
    session.folder.sync()
