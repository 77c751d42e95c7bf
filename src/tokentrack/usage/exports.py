"""Sessions and requests as tables for spreadsheets: CSV, and Excel with the extra `excel`.

A text that a spreadsheet would take for a formula stays a text. An unknown number is an empty
cell. The file is written whole or not at all, and only its owner can read it.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from tokentrack.common import timestamps
from tokentrack.errors import FileSystemError, TokenTrackError
from tokentrack.reports.export.extras import load_extra
from tokentrack.reports.export.safe_cells import encodable, safe_cell
from tokentrack.reports.pricing.request_costs import cost_of
from tokentrack.store.directory import Directory

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.requests.token_usage import SessionTokenUsage, UsageRequest

    Cell = str | int | float | None
    Row = Sequence[Cell]

SESSION_COLUMNS = (
    "session_id", "model_name", "requests", "input_tokens", "output_tokens", "cached_tokens",
    "total_tokens", "cost_usd", "unpriced_requests", "created_at", "last_updated",
)  # fmt: skip
REQUEST_COLUMNS = (
    "request_id", "recorded_at", "session_id", "model_name", "input_tokens", "output_tokens",
    "cached_tokens", "total_tokens", "cost_usd", "price_source", "user",
)  # fmt: skip

_EXCEL_ROWS = 1_048_576
_EXCEL_TEXT = 32_767


def session_rows(sessions: Mapping[str, SessionTokenUsage]) -> list[Row]:
    """Return the rows of the table of sessions."""
    return [
        (
            session.session_id,
            session.model_name,
            session.request_count,
            session.total_usage.input_tokens,
            session.total_usage.output_tokens,
            session.total_usage.cached_tokens,
            session.total_usage.total_tokens,
            session.total_cost_usd,
            session.unpriced_requests,
            timestamps.format_us(round(session.created_at * 1_000_000)),
            timestamps.format_us(round(session.last_updated * 1_000_000)),
        )
        for session in sessions.values()
    ]


def request_rows(requests: Iterable[UsageRequest], prices: PriceTable) -> list[Row]:
    """Return the rows of the table of requests."""
    sources: dict[str, str] = {}
    rows: list[Row] = []
    for request in requests:
        model, usage = request.model_name, request.usage
        counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens)
        cost = cost_of(prices, model, counts, request.at)
        if model not in sources:
            sources[model] = prices.explain(model)
        rows.append(
            (
                request.request_id,
                timestamps.format_us(request.at),
                request.session_id,
                model,
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_tokens,
                usage.total_tokens,
                None if cost is None else float(cost),
                sources[model],
                request.user,
            )
        )
    return rows


def write_csv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a table as CSV in UTF-8.

    Raises:
        FileSystemError: the file can't be written.
    """
    text = io.StringIO()
    writer = csv.writer(text)  # ends lines with CR LF, so it quotes a CR in a text
    writer.writerow(columns)
    writer.writerows([[safe_cell(c) if isinstance(c, str) else c for c in row] for row in rows])
    _write(path, text.getvalue().encode("utf-8", "backslashreplace"))


def write_excel(
    path: str | os.PathLike[str], sheets: Mapping[str, tuple[Sequence[str], Sequence[Row]]]
) -> None:
    """Write tables as the sheets of an Excel workbook.

    Raises:
        TokenTrackError: the extra is missing, or a table is too long for Excel.
        FileSystemError: the file can't be written.
    """
    library = load_extra("xlsxwriter", "excel")
    data = io.BytesIO()
    with library.Workbook(data, {"in_memory": True}) as book:
        bold = book.add_format({"bold": True})
        for name, (columns, rows) in sheets.items():
            if len(rows) >= _EXCEL_ROWS:
                raise TokenTrackError(
                    f"{len(rows)} {name.lower()} do not fit on an Excel sheet: export CSV instead"
                )
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for number, row in enumerate([columns, *rows]):
                _write_row(sheet, number, row, None if number else bold)
    _write(path, data.getvalue())


def _write_row(sheet: Any, number: int, row: Row, style: Any) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, str):
            # Not write(), which takes some texts for formulas, numbers or links.
            text = encodable(cell)[:_EXCEL_TEXT]
            sheet.write_string(number, column, text, style)
        elif cell is not None:
            sheet.write_number(number, column, cell, style)


def _write(path: str | os.PathLike[str], data: bytes) -> None:
    try:
        with Directory.of_file(path) as (folder, name):
            folder.replace(name, data, durable=True)
    except OSError as error:
        raise FileSystemError(f"{path} can't be written: {error.strerror}") from error
