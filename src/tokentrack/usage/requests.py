"""Tracked requests and resets as rows of the usage ledger, and back.

A request that a program tracks is the same kind of fact as an execution that the hook recorded;
the column `source` tells them apart. A reset is a fact too: a row without any number. What a
session used is what its requests used after its last reset, in the order of the file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from tokentrack import workspace
from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.models.usage_record import REPORTED, UNKNOWN, USAGE_COLUMNS, usage_row
from tokentrack.store import codec
from tokentrack.store.paths import LEDGER_NAME, USAGE_NAME, LedgerPaths, user_paths
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


_SUFFIX = "_usage.csv"


class Storage(NamedTuple):
    """A usage ledger, and the JSON file of an older tracker that is imported into it ("": none)."""

    paths: LedgerPaths
    legacy: str

    @property
    def path(self) -> str:
        """The usage ledger's path."""
        return os.path.join(self.paths.folder, self.paths.usage)


class _UsageOnlyPlace(LedgerPaths):
    # A usage ledger without a ledger beside it: its own name is that of its lock.
    __slots__ = ()

    @property
    def usage(self) -> str:
        return self.ledger


def find_storage(
    persistence_path: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> Storage:
    """Return where a tracker writes: the user's usage ledger, or the one that a path names.

    A path that ends in `.json` names the file of an older tracker: the ledger lies beside it,
    with `.csv` for `.json`.

    Raises:
        ValidationError: the path names no usage ledger.
    """
    if persistence_path is None:
        return Storage(user_paths(workspace.kiro_home(environ)), "")
    path = os.path.abspath(os.path.expanduser(persistence_path))
    stem, ending = os.path.splitext(path)
    legacy = path if ending.lower() == ".json" else ""
    folder, name = os.path.split(f"{stem}.csv" if legacy else path)
    if name == LEDGER_NAME:
        raise ValidationError(
            [f"{path} is a ledger of executions: name the usage ledger, {USAGE_NAME}"]
        )
    return Storage(_paths(folder, name), legacy)


def _paths(folder: str, name: str) -> LedgerPaths:
    # Where the name is the one that belongs to a ledger, the lock is that ledger's.
    if name == USAGE_NAME:
        return LedgerPaths(folder, (), LEDGER_NAME)
    if name.endswith(_SUFFIX) and name != _SUFFIX:
        return LedgerPaths(folder, (), name.removesuffix(_SUFFIX) + ".csv")
    return _UsageOnlyPlace(folder, (), name)
