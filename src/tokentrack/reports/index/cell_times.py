"""Cells of times, in the form in which this program writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def time_of(cell: str) -> int:
    """Return a time in UTC, as this program writes it, in microseconds since the epoch.

    Raises:
        ValueError: it is another form of time, or not a time.
    """
    if cell[-1:] != "Z" or len(cell) < 19:
        raise ValueError(cell)
    return (datetime.fromisoformat(cell) - EPOCH) // MICROSECOND
