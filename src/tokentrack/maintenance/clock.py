"""Whether the clock can be believed: what is deleted by a wrong clock is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.timestamps import format_us, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.place import Place

_DAY_US = 24 * 3600 * 1_000_000
# When this was written: no clock that is right shows less.
_WRITTEN_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
# No record is older than this: what shows less was made by a clock without its battery.
EARLIEST_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
_SILENCE_DAYS = 31
_TRUSTED_NAME = "clock_trusted"
_MAX_BYTES = 100


def doubt(now: int, records: Sequence[int], touched: int, cutoff: int, trusted: int) -> str:
    """Return why the clock can't be believed as a part of a sentence, "" when it can.

    Args:
        now: the clock's time; all times in microseconds since the epoch.
        records: the times of all records.
        touched: the newest modification time of the ledger's files.
        cutoff: the time before which records are to go.
        trusted: when the user last said that the clock is right; 0 is never.

    A clock that jumped back shows records or files of the future. One that jumped forward shows a
    long silence before now, or before the records that it made itself; a real pause looks the
    same, so the user decides. A silence that ended before the cutoff does no harm: what is older
    is expired by the time since then alone.
    """
    if now < _WRITTEN_US:
        return f"it shows {format_us(now)}, which is before this program was written"
    newest = max(records, default=now)
    if newest > now + _DAY_US:
        return f"a record is of {format_us(newest)}, in its future"
    if touched > now + _DAY_US:
        return f"a file was changed at {format_us(touched)}, in its future"
    return _doubt_forward(now, records, cutoff, trusted)


def _doubt_forward(now: int, records: Sequence[int], cutoff: int, trusted: int) -> str:
    # A time at which the clock was right is as good as a record of then.
    known = [record for record in records if record > trusted]
    since = now
    for record in sorted([trusted, *known] if trusted else known, reverse=True):
        if since < cutoff:
            return ""
        if since - record > _SILENCE_DAYS * _DAY_US:
            return (
                f"nothing was recorded between {format_us(record)} and {format_us(since)}, "
                "so it may have jumped"
            )
        since = record
    return ""


def last_trusted(folder: Directory, place: Place, now: int) -> int:
    """Return when the user last said that the clock is right, 0 for never.

    A time of the future was said of a clock that was wrong.
    """
    try:
        with folder.child(place.state) as state:
            at = parse(state.read(_TRUSTED_NAME, _MAX_BYTES).decode("ascii").strip())
    except (OSError, ValueError):
        return 0
    return at if at <= now else 0


def note_trust(state: Directory, now: int) -> None:
    """Remember that the user says that the clock is right.

    Raises:
        OSError: it can't be written.
    """
    state.replace(_TRUSTED_NAME, f"{format_us(now)}\n".encode("ascii"), durable=True)
