"""The JSON of an item that waits in the spool: an event, or a row that a caller gave."""

from __future__ import annotations

from tokentrack.common import fastjson
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.events import Event
from tokentrack.recorder.rows import FinishedExecution


def encode(item: Event | FinishedExecution) -> bytes:
    """Return an item as JSON."""
    if isinstance(item, Event):
        data: dict[str, object] = {"event": item.to_dict()}
    else:
        data = {"row": item.transaction.to_csv_row(), "usage": item.usage}
    return fastjson.dumps(data).encode("ascii")


def decode(data: bytes) -> Event | FinishedExecution | None:
    """Return the item of these bytes, None where they are not an item's JSON."""
    try:
        value = fastjson.loads(data.decode("ascii"))
        if "event" in value:
            return Event.from_dict(value["event"])
        transaction = TokenTransaction.from_csv_row(_cells(value["row"], len(COLUMNS)))
        return FinishedExecution(
            transaction, _cells(value["usage"], len(USAGE_COLUMNS)), from_caller=True
        )
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return None


def _cells(value: object, width: int) -> list[str]:
    if not isinstance(value, list) or len(value) != width:
        raise TypeError("not a row")
    if not all(isinstance(cell, str) for cell in value):
        raise TypeError("a cell that is not text")
    return value


def time_of(item: Event | FinishedExecution) -> int:
    """Return an item's time in microseconds since the epoch."""
    return item.at if isinstance(item, Event) else item.transaction.timestamp_us
