"""Tracked requests and resets as rows of the usage ledger, and back.

A request that a program tracks is the same kind of fact as an execution that the hook recorded;
the column `source` tells them apart. A reset is a fact too: a row without any number. What a
session used is what its requests used after its last reset, in the order of the file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from tokentrack import timestamps
from tokentrack.models.usage_record import REPORTED, UNKNOWN, USAGE_COLUMNS, usage_row
from tokentrack.store import codec
from tokentrack.usage.records import TokenUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRACKED_SOURCE = "tracked-request"
RESET_SOURCE = "session-reset"
SURFACE = "api"

_AT = {name: index for index, name in enumerate(USAGE_COLUMNS)}
_SOURCE = _AT["source"]


class Request(NamedTuple):
    """One tracked request; `at` is in microseconds since the epoch."""

    request_id: str
    at: int
    session_id: str
    model_name: str
    usage: TokenUsage
    user: str = ""
    source_id: str = ""
    tags: Mapping[str, str] = {}


class Reset(NamedTuple):
    """The start of a session's count anew; `at` is in microseconds since the epoch."""

    at: int
    session_id: str


Fact = Request | Reset


def new_id() -> str:
    """Return an id that no other request has."""
    return str(uuid4())


def current_user() -> str:
    """Return the name of the user who runs the program, "" when it is unknown."""
    return os.environ.get("USER") or os.environ.get("USERNAME") or ""


def encode(fact: Fact) -> bytes:
    """Return a fact as a line of the usage ledger."""
    if isinstance(fact, Reset):
        cells = usage_row(new_id(), fact.at, fact.session_id, SURFACE, "", {}, UNKNOWN, {})
        cells[_SOURCE] = RESET_SOURCE
        return codec.encode_line(cells)
    usage = fact.usage
    counts = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_tokens,
    }
    cells = usage_row(
        fact.request_id,
        fact.at,
        fact.session_id,
        SURFACE,
        fact.model_name,
        counts,
        REPORTED,
        fact.tags,
    )
    cells[_SOURCE] = TRACKED_SOURCE
    cells[_AT["source_id"]] = fact.source_id
    cells[_AT["user"]] = fact.user or cells[_AT["user"]]
    return codec.encode_line(cells)


def decode(cells: Sequence[str]) -> Fact | None:
    """Return the fact of a row, None for a row of the hook or of an import from Kiro.

    Raises:
        ValueError: it is a fact of ours with a cell that can't be read.
    """
    source = cells[_SOURCE]
    if source == RESET_SOURCE:
        return Reset(timestamps.parse(cells[_AT["recorded_at"]]), cells[_AT["session_id"]])
    if source != TRACKED_SOURCE:
        return None
    return Request(
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
        raise ValueError(f"{column} {cell[:60]!r} is no count of tokens")
    return int(cell)
