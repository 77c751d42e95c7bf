"""Make, list and remove backups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import FileSystemError
from tokentrack.maintenance.rows import earliest_and_latest, first_time, has_records
from tokentrack.store.archives import COMPRESSED
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
        FileSystemError: there is no ledger yet, or it has no rows.
        OSError: the backup can't be written.
    """
    folder, place = session.folder, session.place
    if not folder.has(place.ledger):
        raise FileSystemError(f"there is no ledger at {place.path} to back up")
    if not has_records(folder, place):
        raise FileSystemError(f"there is nothing to back up: {place.path} has no rows")
    return copy_ledger(session.held)


def is_due(folder: Directory, place: Place, hours: float, now_seconds: float) -> bool:
    """Tell whether the ledger changed since a backup that is older than `hours`.

    Without a backup, since its first row. A time of the future, from a clock that was wrong,
    counts for nothing.

    Raises:
        OSError: the folder can't be read.
    """
    if not has_records(folder, place):
        return False
    times = list(backups_in(folder, place.ledger).values()) or [_began_at(folder, place)]
    newest = max((at for at in times if at <= now_seconds), default=0.0)
    changed = folder.status(place.ledger).st_mtime > newest
    return changed and now_seconds - newest >= hours * _HOUR


def _began_at(folder: Directory, place: Place) -> float:
    bounds = earliest_and_latest(first_time(folder, place.ledger))
    return bounds[0] / _MICROSECONDS if bounds else 0.0


def superfluous(folder: Directory, place: Place, keep: int, now_seconds: float) -> list[str]:
    """Return the backups beyond the newest `keep`, with the usage ledger's that belong to none.

    Those that the user compressed stay. So do those of the future: after a clock that was wrong
    nobody knows how old they are.

    Raises:
        OSError: the folder can't be read.
    """
    found = backups_in(folder, place.ledger)
    past = [name for name, at in found.items() if at <= now_seconds and not _is_packed(name)]
    old = past[: max(0, len(past) - keep)]
    kept = {usage_backup_of(name, place.ledger, place.usage) for name in found.keys() - set(old)}
    beside = [name for name in backups_in(folder, place.usage) if not _is_packed(name)]
    return [*old, *[name for name in beside if name not in kept]]


def _is_packed(name: str) -> bool:
    return name.endswith(COMPRESSED)


def remove_backups(session: Session, names: list[str]) -> None:
    """Remove backups.

    Raises:
        OSError: one can't be removed.
    """
    for name in names:
        session.folder.remove(name)
    session.folder.sync()
