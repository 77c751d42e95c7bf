"""Export a ledger to a file of another format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.errors import FileSystemError
from tokentrack.export import check_target, export_records
from tokentrack.filters import record_filter
from tokentrack.ledger_summary import token_bases

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from tokentrack.csv_writer import CSVWriter


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
    check_target(path, file_format, writer.place)
    test = record_filter(filters)
    try:
        bases = token_bases(writer.place)
    except OSError as error:
        raise FileSystemError(
            f"the usage ledger {writer.place.usage} can't be read: {error.strerror}"
        ) from error
    records = (record for record in writer.iter_transactions() if test(record))
    try:
        export_records(records, bases, path, file_format)
    except OSError as error:
        writer.error_handler.handle_export_error(error, path)
        return False
    return True
