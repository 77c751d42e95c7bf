"""Usage rows with the real numbers of a turn."""

from __future__ import annotations

from tokentrack.common.redaction import redact, redact_id
from tokentrack.common.timestamps import format_us
from tokentrack.kiro.reconcile.matching import PART
from tokentrack.kiro.turn import CLI_DATABASE, CLI_SESSION, IDE_STORAGE, V1_SESSION
from tokentrack.models.columns import join_list, split_list
from tokentrack.models.usage_record import REPORTED, UNKNOWN, USAGE_COLUMNS

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.kiro.turn import Turn

SURFACE_OF = {
    V1_SESSION: "v1",
    CLI_SESSION: "cli-2",
    CLI_DATABASE: "cli-2",
    IDE_STORAGE: "ide-0",
}
_MATCH = "match="
_PART_OF = "part_of="


def redact_turn(turn: Turn) -> None:
    """Redact a turn's ids, model and origin, as a hook of the same turn would have done."""
    turn.execution_id = redact_id(turn.execution_id)
    turn.session_id = redact_id(turn.session_id)
    turn.source_id = redact_id(turn.source_id)
    turn.model = redact(turn.model)
    turn.origin = redact(turn.origin)


def with_numbers(cells: Sequence[str], turn: Turn, match: str, at: int) -> list[str]:
    """Return an execution's usage row with the numbers that Kiro wrote; other cells are kept.

    Args:
        cells: the row so far, in the order of the columns.
        turn: what Kiro wrote.
        match: how the turn was matched (see `matching`), which becomes a tag; "" keeps the tags.
        at: when the numbers were read, in microseconds since the epoch.
    """
    row = dict(zip(USAGE_COLUMNS, cells, strict=True))
    numbers = {
        "input_tokens": turn.input_tokens,
        "output_tokens": turn.output_tokens,
        "cached_tokens": turn.cached_tokens,
        "context_percent": turn.context_percent,
        "credits": turn.credits,
        "model": turn.model or None,
        "session_id": row["session_id"] or turn.session_id or None,
    }
    row |= {name: str(number) for name, number in numbers.items() if number is not None}
    if reported_tokens(turn) is not None:
        row["token_basis"] = REPORTED
    row["credits_basis"] = UNKNOWN if turn.credits is None else REPORTED
    row |= {"recorded_at": format_us(at), "source": turn.source, "source_id": turn.source_id}
    if match:
        row["tags"] = _tagged(row["tags"], match)
    return [row[name] for name in USAGE_COLUMNS]


def as_part(cells: Sequence[str], owner: str, source: str, at: int) -> list[str]:
    """Return the usage row of an execution that is a part of another one's turn.

    It has neither credits nor the turn's id, so that the turn is counted once.

    Args:
        cells: its row so far, in the order of the columns.
        owner: the id of the execution whose row has the turn's numbers.
        source: the source that has the turn.
        at: when that was found, in microseconds since the epoch.
    """
    row = dict(zip(USAGE_COLUMNS, cells, strict=True))
    row |= {"recorded_at": format_us(at), "source": source}
    row["tags"] = _tagged(row["tags"], PART, _PART_OF + owner)
    return [row[name] for name in USAGE_COLUMNS]


def _tagged(tags: str, match: str, *more: str) -> str:
    kept = [tag for tag in split_list(tags) if not tag.startswith((_MATCH, _PART_OF))]
    return join_list([*kept, _MATCH + match, *more])


def reported_tokens(turn: Turn) -> int | None:
    """Return a turn's tokens as Kiro reported them, None if it reported none."""
    known = [count for count in (turn.input_tokens, turn.output_tokens) if count is not None]
    return sum(known) if known else None
