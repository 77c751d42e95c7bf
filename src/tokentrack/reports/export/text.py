"""Export as CSV for spreadsheets, or as JSON or JSON Lines for programs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, TextIO

from tokentrack.reports.export.safe_cells import EXPORT_COLUMNS, flat, safe_cell
from tokentrack.store.atomic import new_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable


def write(rows: Iterable[dict[str, Any]], path: str | os.PathLike[str], file_format: str) -> None:
    """Write rows as `csv`, `json` (a list) or `jsonl` (one object per line), in UTF-8.

    In CSV, an apostrophe disarms formulas and an unknown time is an empty cell. JSON is lossless.

    Raises:
        OSError: the file can't be written.
    """
    with new_file(path) as file:
        # JSON reads the escape of a lone surrogate back as the surrogate.
        out = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        {"csv": _write_csv, "json": _write_json, "jsonl": _write_lines}[file_format](rows, out)
        out.detach()  # flushes, and leaves the file open


def _write_csv(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    writer = csv.writer(out)  # ends lines with CR LF, so it quotes a CR in a text
    writer.writerow(EXPORT_COLUMNS)
    for row in rows:
        cells = flat(row)
        writer.writerow([_cell(cells[name]) for name in EXPORT_COLUMNS])


def _cell(value: Any) -> Any:
    return safe_cell(value) if isinstance(value, str) else value


def _write_json(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    before = "[\n"
    for row in rows:
        out.write(before + _dumps(row))
        before = ",\n"
    out.write("\n]\n" if before == ",\n" else "[]\n")


def _write_lines(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    out.writelines(_dumps(row) + "\n" for row in rows)


def _dumps(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)
