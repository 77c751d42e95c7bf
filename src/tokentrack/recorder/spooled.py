"""What waits in the spool: an event, or a record that a caller gave, as JSON."""

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
    """Return the item that the bytes hold, None when they hold none."""
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
        raise TypeError("no row")
    if not all(isinstance(cell, str) for cell in value):
        raise TypeError("no text in a cell")
    return value


def time_of(item: Event | FinishedExecution) -> int:
    """Return an item's time in microseconds since the epoch."""
    return item.at if isinstance(item, Event) else item.transaction.timestamp_us
