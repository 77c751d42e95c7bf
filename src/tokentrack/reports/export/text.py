"""Exports as CSV for spreadsheets, and as JSON and JSON Lines for programs."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from typing import TYPE_CHECKING, Any, TextIO

from tokentrack.models.columns import join_list
from tokentrack.reports.export import EXPORT_COLUMNS
from tokentrack.store.atomic import new_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_STARTS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  (full-width forms are meant)
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def safe_cell(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet could take it as a formula.

    That is a text that starts with `= + - @`, a tab, CR or LF, or a full-width form of one, also
    behind spaces and characters that are not shown, since importers drop some of those. Numbers
    are not text: they never come here.
    """
    if not text:
        return text
    if text[0] in _STARTS_FORMULA or _first_visible(text) in _STARTS_FORMULA:
        return f"'{text}"
    return text


def encodable(text: str) -> str:
    r"""Return a text that UTF-8 can hold: a lone surrogate becomes its escape, `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _first_visible(text: str) -> str:
    for char in text:
        if unicodedata.category(char) not in _INVISIBLE:
            return char
    return ""


def write(rows: Iterable[dict[str, Any]], path: str | os.PathLike[str], file_format: str) -> None:
    """Write rows as `csv`, `json` (a list) or `jsonl` (one object a line), in UTF-8.

    In CSV, formulas are neutralised and an unknown time is an empty cell; JSON is lossless.

    Raises:
        OSError: the file can't be written.
    """
    with new_file(path) as file:
        # In JSON the escape of a lone surrogate reads back as itself.
        out = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        {"csv": _write_csv, "json": _write_json, "jsonl": _write_lines}[file_format](rows, out)
        out.detach()  # which flushes it, and leaves the file open


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose lists and truth values are the texts that the ledger has for them."""
    return {
        **row,
        "file_patterns": join_list(row["file_patterns"]),
        "error_occurred": "true" if row["error_occurred"] else "false",
    }


def _write_csv(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    writer = csv.writer(out)  # its line end has a CR: one inside a text is quoted for it
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
