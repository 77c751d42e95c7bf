"""Answers for programs: one JSON document, CSV, or a table in Markdown."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import escape
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.models.columns import join_list
from tokentrack.reports.answer import BY_TOKENS, COST, COSTS
from tokentrack.reports.comparison.breakdown import BREAKDOWN
from tokentrack.reports.comparison.compared_days import BEFORE, CHANGE
from tokentrack.reports.export.safe_cells import safe_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tokentrack.reports.answer import Answer

SCHEMA_VERSION = 1


def json_document(command: str, answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON values; credits are exact decimal text, unknown is null."""
    query = answer.query
    shown = priced if query.by else _unpriced  # lists of turns have no cost
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
            **_compared_with(answer),
            **_repriced(answer),
        },
        "rows": [shown(row, answer) for row in answer.rows],
        "total": shown(answer.total, answer),
        "provenance": {**answer.provenance, "unreadable": answer.unreadable},
    }


def json_lines(document: Mapping[str, Any], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a document with other rows, line by line, as `json.dumps` with an indent has it.

    Args:
        document: the document, whose `rows` are empty.
        rows: its rows, which may come one by one.
    """
    import json

    # A line feed can only be between values.
    before, empty, after = json.dumps(document, indent=2).partition('\n  "rows": []')
    yield before
    separator = empty.removesuffix("[]").removeprefix("\n") + "["
    for row in rows:
        yield separator if separator.endswith("[") else f"{separator},"
        separator = "    " + json.dumps(row, indent=2).replace("\n", "\n    ")
    if separator.endswith("["):
        yield f"{separator}]{after}"
    else:
        yield separator
        yield f"  ]{after}"


def _compared_with(answer: Answer) -> dict[str, Any]:
    found = answer.comparison
    if found is None:
        return {}
    times = {"since": found.since, "until": found.until}
    edges = {name: None if at is None else format_us(at) for name, at in times.items()}
    return {"vs": {**edges, "metric": found.metric}}


def _repriced(answer: Answer) -> dict[str, Any]:
    day = answer.query.prices_as_of
    return {} if day is None else {"prices_as_of": str(day)}


def priced(row: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return a row with its costs as objects: amount, currency, basis; null without a plan.

    The basis is that of its credits; where it has none, the cost is that of tracked requests.
    """
    rates, found = answer.query.rates, answer.comparison
    row = {**row, COST: row.get(COST)}
    if BREAKDOWN in row:
        row |= {BREAKDOWN: [priced(part, answer) for part in row[BREAKDOWN]]}
    if rates is None:
        return row
    basis = BY_TOKENS if row["credits"] is None else rates.basis
    names = [*COSTS, *([BEFORE, CHANGE] if found and found.metric in COSTS else [])]
    return row | {
        name: {"amount": row[name], "currency": answer.currency, "basis": basis}
        for name in names
        if row.get(name) is not None
    }


def _unpriced(row: dict[str, Any], _answer: Answer) -> dict[str, Any]:
    return row


def csv_lines(
    answer: Answer, names: Sequence[str] = (), rows: Iterable[dict[str, Any]] | None = None
) -> Iterator[str]:
    """Yield an answer's rows as CSV; a text that a spreadsheet could run has an apostrophe.

    Args:
        answer: the answer.
        names: the keys of its rows; by default the labels, then the metrics.
        rows: other rows instead, which may come one by one.
    """
    names, numbers = names or answer.columns, _numbers(answer)
    yield _csv_line(names)
    for row in answer.rows if rows is None else rows:
        yield _csv_line([
            _csv_cell(row[name], is_number=name in numbers) for name in names
        ])  # fmt: skip


def markdown_lines(answer: Answer, names: Sequence[str] = ()) -> Iterator[str]:
    """Yield an answer's rows as a table in Markdown, with their total.

    Args:
        answer: the answer.
        names: the keys of its rows, without a total; by default the labels, then the metrics.
    """
    shown = names or answer.columns
    numbers = _numbers(answer)
    is_number = [name in numbers for name in shown]
    yield _markdown_line(shown)
    yield _markdown_line(["--:" if right else "---" for right in is_number])
    for row in answer.rows:
        yield _markdown_line([_markdown_cell(row[name]) for name in shown])
    if names:
        return
    labels = ["total", *[""] * (len(answer.query.by) - 1)] if answer.query.by else []
    cells = [_markdown_cell(answer.total[name]) for name in shown[len(labels) :]]
    yield _markdown_line([*labels, *cells])


def _numbers(answer: Answer) -> set[str]:
    return {*answer.query.metrics, BEFORE, CHANGE} - {*answer.query.by}


def _csv_cell(value: Any, *, is_number: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return safe_cell(join_list(value))
    return safe_cell(value) if isinstance(value, str) and not is_number else str(value)


def _csv_line(cells: Sequence[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()


def _markdown_cell(value: Any) -> str:
    flat = "–" if value is None else escape(" ".join(str(value).split()))
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
