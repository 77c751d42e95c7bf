"""Export the records of a ledger: choose them, add each number's basis, write the file."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from tokentrack.errors import ValidationError
from tokentrack.reports.export.bases import token_bases
from tokentrack.reports.export.safe_cells import BASIS
from tokentrack.reports.ledger.turn_filters import choose_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.paths import LedgerPaths

# format -> the module that writes it
_WRITERS = {
    "csv": "tokentrack.reports.export.text",
    "json": "tokentrack.reports.export.text",
    "jsonl": "tokentrack.reports.export.text",
    "excel": "tokentrack.reports.export.excel",
    "parquet": "tokentrack.reports.export.parquet",
}
FORMATS = tuple(_WRITERS)


def export_ledger(
    paths: LedgerPaths,
    records: Iterable[TokenTransaction],
    path: str | os.PathLike[str],
    file_format: str,
    filters: Mapping[str, Any] | None,
    environ: Mapping[str, str],
) -> None:
    """Write those records of a ledger that pass the filters, whole or not at all, with mode 0600.

    Args:
        paths: the ledger.
        records: all its records; they are read one at a time.
        path: the file; its folder is created where it is missing.
        file_format: one of `FORMATS`.
        filters: as for `choose_records`.
        environ: the environment, which says where the index is.

    Raises:
        FileSystemError: the ledger can't be read.
        MissingExtraError: the format needs a package that is not installed.
        OSError: the file can't be written; its earlier content is unchanged.
        ValidationError: a filter or the format is unknown, the format can't hold the records, or
            the file is one of the ledger's own.
    """
    write = importlib.import_module(_writer_of(file_format)).write
    _check_target(path, paths)
    test = choose_records(filters, paths, environ)
    bases = token_bases(paths, environ)
    rows = ({**record.get_summary(), BASIS: bases.of(record.agent_execution_id)}
            for record in records if test(record))  # fmt: skip
    write(rows, path, file_format)


def _writer_of(file_format: object) -> str:
    if isinstance(file_format, str) and file_format in _WRITERS:
        return _WRITERS[file_format]
    raise ValidationError([f"unknown format {file_format!r}: use one of {', '.join(FORMATS)}"])


def _check_target(path: object, paths: LedgerPaths) -> None:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValidationError(["output_path must name a file"])
    target = os.path.realpath(path)
    ours = (paths.ledger, paths.usage, paths.lock)
    if target in {os.path.realpath(os.path.join(paths.folder, name)) for name in ours}:
        raise ValidationError(
            [f"{os.path.basename(target)} belongs to the ledger: export to another file"]
        )
