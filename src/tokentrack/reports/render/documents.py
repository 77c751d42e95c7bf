"""Answers for programs: one JSON document, CSV, or a table in Markdown."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import escape
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.models.columns import join_list
from tokentrack.reports.export.safe_cells import safe_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.answer import Answer

SCHEMA_VERSION = 1


def json_document(command: str, answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON values; credits are exact decimal text, unknown is null."""
    query = answer.query
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "generated_at": format_us(now_us()),
        "query": {
            "by": list(query.by),
            "since": None if answer.since is None else format_us(answer.since),
            "until": None if answer.until is None else format_us(answer.until),
            "tz": answer.tz,
            "filters": {name: list(values) for name, values in query.where.items()},
        },
        "rows": [priced(row, answer) for row in answer.rows],
        "total": priced(answer.total, answer),
        "provenance": {**answer.provenance, "unreadable": answer.unreadable},
    }


def priced(row: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return a row with its cost as an object: amount, currency, basis."""
    rates, amount = answer.query.rates, row.get("cost")
    if rates is None or amount is None:
        return row
    return {**row, "cost": {"amount": amount, "currency": "USD", "basis": rates.basis}}


def csv_lines(answer: Answer, names: Sequence[str] = ()) -> Iterator[str]:
    """Yield an answer's rows as CSV; a text that a spreadsheet could run has an apostrophe.

    Args:
        answer: the answer.
        names: the keys of its rows; by default the labels, then the metrics.
    """
    names = names or _names(answer)
    yield _csv_line(names)
    for row in answer.rows:
        yield _csv_line([_csv_cell(row[name]) for name in names])


def markdown_lines(answer: Answer, names: Sequence[str] = ()) -> Iterator[str]:
    """Yield an answer's rows as a table in Markdown, with their total.

    Args:
        answer: the answer.
        names: the keys of its rows, without a total; by default the labels, then the metrics.
    """
    shown = names or _names(answer)
    is_number = [name in answer.query.metrics for name in shown]
    yield _markdown_line(shown)
    yield _markdown_line(["--:" if right else "---" for right in is_number])
    for row in answer.rows:
        yield _markdown_line([_markdown_cell(row[name]) for name in shown])
    if names:
        return
    labels = ["total", *[""] * (len(answer.query.by) - 1)] if answer.query.by else []
    yield _markdown_line(
        [*labels, *[_markdown_cell(answer.total[m]) for m in answer.query.metrics]]
    )


def _names(answer: Answer) -> list[str]:
    return [*answer.query.by, *answer.query.metrics]


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return safe_cell(join_list(value))
    return safe_cell(value) if isinstance(value, str) else str(value)


def _csv_line(cells: Sequence[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()


def _markdown_cell(value: Any) -> str:
    flat = "–" if value is None else escape(" ".join(str(value).split()))
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
