"""Export as Parquet (extra `duckdb`)."""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from tokentrack.errors import FileSystemError
from tokentrack.reports.export.extras import load_extra
from tokentrack.reports.export.safe_cells import EXPORT_COLUMNS, encodable
from tokentrack.store.atomic import new_file

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_ROW = 256 * 1024 * 1024
_TYPES = {
    "timestamp": "TIMESTAMPTZ",
    "tokens_used": "BIGINT",
    "elapsed_time": "DOUBLE",
    "file_patterns": "VARCHAR[]",
    "error_occurred": "BOOLEAN",
}


def write(rows: Iterable[dict[str, Any]], path: str | os.PathLike[str], _format: str) -> None:
    """Write rows with typed columns: times with a zone, lists, NULL for unknown values.

    Raises:
        MissingExtraError: duckdb is not installed.
        FileSystemError: DuckDB can't write the file.
        OSError: the file can't be written.
    """
    duckdb = load_extra("duckdb", "duckdb")
    with new_file(path) as file, tempfile.TemporaryDirectory(prefix="tokentrack-") as folder:
        source, made = os.path.join(folder, "rows.jsonl"), os.path.join(folder, "rows.parquet")
        _write_source(rows, source)
        try:
            _convert(duckdb, source, made)
        except duckdb.Error as error:
            kind = type(error).__name__
            raise FileSystemError(f"DuckDB can't write {os.fspath(path)}: {kind}") from error
        with open(made, "rb") as parquet:
            while block := parquet.read(1024 * 1024):
                file.write(block)


def _convert(duckdb: Any, source: str, made: str) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT * FROM read_json({_quoted(source)}, "
            f"format = 'newline_delimited', columns = {_columns()}, "
            f"maximum_object_size = {_MAX_ROW})) TO {_quoted(made)} (FORMAT parquet)"
        )


def _write_source(rows: Iterable[dict[str, Any]], path: str) -> None:
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            texts = {n: encodable(v) if isinstance(v, str) else v for n, v in row.items()}
            texts["file_patterns"] = [encodable(item) for item in row["file_patterns"]]
            out.write(json.dumps(texts, ensure_ascii=False) + "\n")


def _columns() -> str:
    types = [f"{_quoted(name)}: {_quoted(_TYPES.get(name, 'VARCHAR'))}" for name in EXPORT_COLUMNS]
    return "{" + ", ".join(types) + "}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
