"""Tracked requests and session resets as rows of the usage ledger, and back.

A request that a program tracks is a row like that of an execution; its `source` tells them apart.
A reset is a row without numbers. A session's usage is the sum of its requests after its last
reset, in the order of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from tokentrack.common import timestamps
from tokentrack.models.usage_record import (
    REPORTED,
    RESET_SOURCE,
    TRACKED_SOURCE,
    UNKNOWN,
    USAGE_COLUMNS,
    usage_row,
)
from tokentrack.reports.token_usage import TokenUsage
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SURFACE = "api"

_AT = {name: index for index, name in enumerate(USAGE_COLUMNS)}
_SOURCE = _AT["source"]


class UsageRequest(NamedTuple):
    """One tracked request; `at` is in microseconds since the epoch."""

    request_id: str
    at: int
    session_id: str
    model_name: str
    usage: TokenUsage
    user: str = ""
    source_id: str = ""
    tags: Mapping[str, str] = {}


class SessionReset(NamedTuple):
    """A restart of a session's count; `at` is in microseconds since the epoch."""

    at: int
    session_id: str


UsageEntry = UsageRequest | SessionReset


def new_id() -> str:
    """Return an id that no other request has."""
    return str(uuid4())


def encode_entry(entry: UsageEntry) -> bytes:
    """Return a request or a reset as a line of the usage ledger."""
    if isinstance(entry, SessionReset):
        cells = usage_row(new_id(), entry.at, entry.session_id, SURFACE, "", {}, UNKNOWN, {})
        cells[_SOURCE] = RESET_SOURCE
        return codec.encode_line(cells)
    usage = entry.usage
    counts = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_tokens,
    }
    cells = usage_row(
        entry.request_id,
        entry.at,
        entry.session_id,
        SURFACE,
        entry.model_name,
        counts,
        REPORTED,
        entry.tags,
    )
    cells[_AT["user"]] = entry.user
    cells[_SOURCE] = TRACKED_SOURCE
    cells[_AT["source_id"]] = entry.source_id
    return codec.encode_line(cells)


def decode_entry(cells: Sequence[str]) -> UsageEntry | None:
    """Return the request or reset of a row, None for a row of the hook or of an import from Kiro.

    Raises:
        ValueError: a cell of a request or reset can't be read.
    """
    source = cells[_SOURCE]
    if source == RESET_SOURCE:
        return SessionReset(timestamps.parse(cells[_AT["recorded_at"]]), cells[_AT["session_id"]])
    if source != TRACKED_SOURCE:
        return None
    return UsageRequest(
        cells[_AT["agent_execution_id"]],
        timestamps.parse(cells[_AT["recorded_at"]]),
        cells[_AT["session_id"]],
        cells[_AT["model"]],
        TokenUsage(
            _count(cells, "input_tokens"),
            _count(cells, "output_tokens"),
            _count(cells, "cached_tokens"),
        ),
        cells[_AT["user"]],
        cells[_AT["source_id"]],
    )


def _count(cells: Sequence[str], column: str) -> int:
    # int() alone would take " 1", "1_0" and Arabic digits.
    cell = cells[_AT[column]]
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 15):
        raise ValueError(f"{column} {cell[:60]!r} is not a count of tokens")
    return int(cell)
