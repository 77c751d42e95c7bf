"""Export as an Excel workbook (extra `excel`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tokentrack.common.redaction import truncate_prompt
from tokentrack.errors import ValidationError
from tokentrack.reports.export.extras import load_extra
from tokentrack.reports.export.safe_cells import EXPORT_COLUMNS, encodable, flat, safe_cell
from tokentrack.store.atomic import new_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_MAX_ROWS = 1_048_575  # below the header
_MAX_CELL = 32_767
_WIDTHS = {"timestamp": 24, "prompt_text": 60, "agent_execution_id": 38}


def write(rows: Iterable[dict[str, Any]], path: str | os.PathLike[str], _format: str) -> None:
    """Write rows to one sheet, with `timestamp` as an Excel date in UTC.

    A text longer than Excel's 32,767 characters is cut and marked; an apostrophe disarms
    formulas.

    Raises:
        MissingExtraError: xlsxwriter is not installed.
        OSError: the file can't be written.
        ValidationError: there are more rows than a sheet holds.
    """
    xlsxwriter = load_extra("xlsxwriter", "excel")
    with new_file(path) as file:
        book = xlsxwriter.Workbook(file, {"constant_memory": True})
        sheet = book.add_worksheet("transactions")
        header = book.add_format({"bold": True})
        date_format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        for column, name in enumerate(EXPORT_COLUMNS):
            sheet.write_string(0, column, name, header)
            sheet.set_column(column, column, _WIDTHS.get(name, 18))
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(rows, start=1):
            if number > _MAX_ROWS:
                raise ValidationError([
                    f"an Excel sheet holds at most {_MAX_ROWS:,} rows: use filters, csv or parquet"
                ])  # fmt: skip
            _write_row(sheet, number, row, date_format)
        book.close()


def _write_row(sheet: Any, number: int, row: dict[str, Any], date_format: Any) -> None:
    cells = flat(row)
    for column, name in enumerate(EXPORT_COLUMNS):
        value = cells[name]
        if value is None:
            continue
        if name == "timestamp" and value >= "1900-03":  # Excel's calendar differs before that
            at = datetime.fromisoformat(value).replace(tzinfo=None)
            sheet.write_datetime(number, column, at, date_format)
        elif isinstance(value, int | float) and abs(value) < 2**53:
            sheet.write_number(number, column, value)
        else:
            text = safe_cell(encodable(str(value)))
            sheet.write_string(number, column, truncate_prompt(text, _MAX_CELL))
