"""What waits in the spool: an event, or a record that a caller gave, as JSON."""

from __future__ import annotations

from tokentrack import fastjson
from tokentrack.events import Event
from tokentrack.execution_records import Finished
from tokentrack.models.transaction import TokenTransaction


def encode(item: Event | Finished) -> bytes:
    """Return an item as JSON."""
    if isinstance(item, Event):
        data: dict[str, object] = {"event": item.to_dict()}
    else:
        data = {"row": item.transaction.to_csv_row(), "usage": item.usage}
    return fastjson.dumps(data).encode("ascii")


def decode(data: bytes) -> Event | Finished | None:
    """Return the item that the bytes hold, None when they hold none."""
    from tokentrack.errors import ValidationError

    try:
        value = fastjson.loads(data.decode("ascii"))
        if "event" in value:
            return Event.from_dict(value["event"])
        transaction = TokenTransaction.from_csv_row(value["row"])
        return Finished(transaction, value["usage"], given=True)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return None


def time_of(item: Event | Finished) -> int:
    """Return an item's time in microseconds since the epoch."""
    return item.at if isinstance(item, Event) else item.transaction.timestamp_us
