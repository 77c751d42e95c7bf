"""Whether the clock can be believed: what is deleted by a wrong clock is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.timestamps import format_us

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY_US = 24 * 3600 * 1_000_000
# When this was written: no clock that is right shows less.
_WRITTEN_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
_SILENCE_DAYS = 31


def doubt(now: int, records: Sequence[int], touched: int) -> str:
    """Return why the clock can't be believed as a part of a sentence, "" when it can.

    Args:
        now: the clock's time; all times in microseconds since the epoch.
        records: the times of all records.
        touched: the newest modification time of the ledger's files.

    A clock that jumped back shows records or files of the future. One that jumped forward shows a
    long silence before now, or before the first records that it made itself; a real pause looks
    the same, so the user decides.
    """
    if now < _WRITTEN_US:
        return f"it shows {format_us(now)}, which is before this program was written"
    newest = max(records, default=now)
    if newest > now + _DAY_US:
        return f"a record is of {format_us(newest)}, in its future"
    if touched > now + _DAY_US:
        return f"a file was changed at {format_us(touched)}, in its future"
    return _doubt_forward(now, sorted(records))


def _doubt_forward(now: int, records: Sequence[int]) -> str:
    since = now
    for record in reversed(records):
        if since - record > _SILENCE_DAYS * _DAY_US:
            if now - since < _DAY_US:
                return (
                    f"nothing was recorded between {format_us(record)} and {format_us(since)}, "
                    "so it may have jumped"
                )
            return ""
        since = record
    return ""
