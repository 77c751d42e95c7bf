"""The JSON of an item that waits in the spool: an event, or a row that a caller gave."""

from __future__ import annotations

from typing import Any

from tokentrack.common import fastjson
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.events import EVENT_SHAPE, Event
from tokentrack.recorder.rows import FinishedExecution


def encode(item: Event | FinishedExecution) -> bytes:
    """Return an item as JSON."""
    if isinstance(item, Event):
        data: dict[str, object] = {"event": item.to_dict()}
    else:
        data = {"row": item.transaction.to_csv_row(), "usage": item.usage}
    return fastjson.dumps(data).encode("ascii")


_MOST_VALUES = 4000


def _is_cell(value: Any) -> bool:
    return isinstance(value, str)


_SHAPE = (
    {"event": EVENT_SHAPE},
    {"row": [_is_cell] * len(COLUMNS), "usage": [_is_cell] * len(USAGE_COLUMNS)},
)


def decode(data: bytes) -> Event | FinishedExecution:
    """Return the item of these bytes.

    Raises:
        ValueError: they are not an item's JSON.
    """
    value = fastjson.load_checked(data, _SHAPE, _MOST_VALUES)
    if "event" in value:
        return Event.from_dict(value["event"])
    try:
        transaction = TokenTransaction.from_csv_row(value["row"])
    except ValidationError as error:
        raise ValueError("not a row of the ledger") from error
    return FinishedExecution(transaction, value["usage"], from_caller=True)


def time_of(item: Event | FinishedExecution) -> int:
    """Return an item's time in microseconds since the epoch."""
    return item.at if isinstance(item, Event) else item.transaction.timestamp_us
