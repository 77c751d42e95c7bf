"""Write records to a file of another format: every number with what it is."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from tokentrack.errors import ValidationError
from tokentrack.export.columns import BASIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.place import Place

# format -> the module that writes it
_WRITERS = {
    "csv": "tokentrack.export.text",
    "json": "tokentrack.export.text",
    "jsonl": "tokentrack.export.text",
    "excel": "tokentrack.export.excel",
    "parquet": "tokentrack.export.parquet",
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


def check_target(path: str | os.PathLike[str], file_format: str, place: Place) -> None:
    """Check a format, and that an export would not overwrite the ledger or what belongs to it.

    Raises:
        ValidationError: it would, or the format is unknown.
    """
    _writer_of(file_format)
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValidationError(["output_path must name a file"])
    target = os.path.realpath(path)
    ours = (place.ledger, place.usage, place.lock)
    if target in {os.path.realpath(os.path.join(place.folder, name)) for name in ours}:
        raise ValidationError([f"{os.path.basename(target)} is the ledger's own: export elsewhere"])


def _writer_of(file_format: object) -> str:
    if isinstance(file_format, str) and file_format in _WRITERS:
        return _WRITERS[file_format]
    raise ValidationError([f"unknown format {file_format!r}: use one of {', '.join(FORMATS)}"])
