"""The rows of a report, each with its parts by model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokentrack.reports.answer import Answer

PART = "model"
BREAKDOWN = "breakdown"


def break_down(answer: Answer, parts: Answer) -> None:
    """Give each row of an answer its parts as a list, and the other answer only those parts.

    Args:
        answer: the answer, whose rows may be limited.
        parts: the answer to the same question with `model` as the last dimension, unlimited; its
            rows get the order of the answer's.
    """
    by, metrics = answer.query.by, answer.query.metrics
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in parts.rows:
        found.setdefault(tuple(row[name] for name in by), []).append(row)
    parts.rows = []
    for row in answer.rows:
        own = found.get(tuple(row[name] for name in by), [])
        parts.rows += own
        row[BREAKDOWN] = [{name: part[name] for name in (PART, *metrics)} for part in own]
    parts.more_rows = answer.more_rows
