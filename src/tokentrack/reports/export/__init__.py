"""Write records to a file of another format: every number with what it is."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from tokentrack.errors import FileSystemError, MissingExtraError, ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.reports.filters import record_filter
from tokentrack.reports.totals import token_bases

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.csv_writer import CSVWriter
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.paths import LedgerPaths

# What an export has besides the ledger's columns: what the number in `tokens_used` is.
BASIS = "token_basis"
EXPORT_COLUMNS = (*COLUMNS, BASIS)


def load_extra(package: str, extra: str) -> Any:
    """Import a package that one of the extras brings.

    Raises:
        MissingExtraError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError(package, extra) from None


# format -> the module that writes it
_WRITERS = {
    "csv": "tokentrack.reports.export.text",
    "json": "tokentrack.reports.export.text",
    "jsonl": "tokentrack.reports.export.text",
    "excel": "tokentrack.reports.export.excel",
    "parquet": "tokentrack.reports.export.parquet",
}
FORMATS = tuple(_WRITERS)


def export_records(
    records: Iterable[TokenTransaction],
    bases: Mapping[str, str],
    path: str | os.PathLike[str],
    file_format: str,
) -> None:
    """Write records to a file, whole or not at all, with mode 0600.

    Args:
        records: what to write; they are taken one at a time.
        bases: by execution id, what the number of its tokens is; "unknown" where it is missing.
        path: the file; its folder is made where it is missing.
        file_format: one of `FORMATS`.

    Raises:
        MissingExtraError: the format needs a package that is not installed.
        OSError: the file can't be written; what was there before is still there.
        ValidationError: the format is unknown, or can't hold the records.
    """
    writer = importlib.import_module(_writer_of(file_format))
    writer.write(({**t.get_summary(), BASIS: bases.get(t.agent_execution_id, "unknown")}
                  for t in records), path, file_format)  # fmt: skip


def check_target(path: str | os.PathLike[str], file_format: str, paths: LedgerPaths) -> None:
    """Check a format, and that an export would not overwrite the ledger or what belongs to it.

    Raises:
        ValidationError: it would, or the format is unknown.
    """
    _writer_of(file_format)
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValidationError(["output_path must name a file"])
    target = os.path.realpath(path)
    ours = (paths.ledger, paths.usage, paths.lock)
    if target in {os.path.realpath(os.path.join(paths.folder, name)) for name in ours}:
        raise ValidationError([f"{os.path.basename(target)} is the ledger's own: export elsewhere"])


def _writer_of(file_format: object) -> str:
    if isinstance(file_format, str) and file_format in _WRITERS:
        return _WRITERS[file_format]
    raise ValidationError([f"unknown format {file_format!r}: use one of {', '.join(FORMATS)}"])


def export_ledger(
    writer: CSVWriter,
    path: str | os.PathLike[str],
    file_format: str,
    filters: Mapping[str, Any] | None,
) -> bool:
    """Write a ledger's records to a file; a disk that refuses is False, logged and counted.

    Raises:
        FileSystemError: the ledger can't be read.
        MissingExtraError: the format's extra is not installed.
        ValidationError: a filter or the format is unknown, or the file is the ledger's own.
    """
    check_target(path, file_format, writer.paths)
    test = record_filter(filters)
    try:
        bases = token_bases(writer.paths)
    except OSError as error:
        raise FileSystemError(
            f"the usage ledger {writer.paths.usage} can't be read: {error.strerror}"
        ) from error
    records = (record for record in writer.iter_transactions() if test(record))
    try:
        export_records(records, bases, path, file_format)
    except OSError as error:
        writer.error_handler.handle_export_error(error, path)
        return False
    return True
