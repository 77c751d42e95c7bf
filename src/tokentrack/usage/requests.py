"""Tracked requests and session resets as rows of the usage ledger.

A request that a program tracks is a row like that of an execution; its `source` tells them apart.
A reset is a row without numbers. A session's usage is the sum of its requests after its last
reset, in the order of the file.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from tokentrack.models.usage_record import (
    REPORTED,
    RESET_SOURCE,
    TRACKED_SOURCE,
    UNKNOWN,
    USAGE_COLUMNS,
    usage_row,
)
from tokentrack.reports.requests.token_usage import UsageRequest
from tokentrack.store import codec

SURFACE = "api"

_AT = {name: index for index, name in enumerate(USAGE_COLUMNS)}
_SOURCE = _AT["source"]


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
