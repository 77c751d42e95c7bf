"""Repair damaged files: rewrite them with their readable records, and keep the original bytes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import format_us
from tokentrack.maintenance.lines import read_lines
from tokentrack.maintenance.verify import Examined, examine_files
from tokentrack.models.usage_record import ESTIMATED, USAGE_COLUMNS, usage_row
from tokentrack.store import codec
from tokentrack.store.archive_names import COMPRESSED, names_in, stem_of
from tokentrack.store.archives import compress, open_in
from tokentrack.store.quarantine import QUARANTINE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.maintenance.damage.examination import LostBytes
    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger

_CHUNK = 1024 * 1024
_ID = USAGE_COLUMNS.index("agent_execution_id")
_RECORDED_AT = USAGE_COLUMNS.index("recorded_at")
_BASIS = USAGE_COLUMNS.index("token_basis")
_SOURCE = USAGE_COLUMNS.index("source")
_ROUNDED = "rounded-by-spreadsheet"


class Repaired(NamedTuple):
    """A file that was repaired, and the name of its original in the quarantine."""

    file: Examined
    original: str


def repair(ledger: LockedLedger, now: int) -> list[Repaired]:
    """Rewrite the damaged files of a ledger and return them.

    Healthy files are not touched, nor are files that are not ledgers. The original and its
    unreadable lines are in the quarantine, and on the disk, before the file is replaced. A second
    repair finds nothing to do.

    Args:
        ledger: locked by `lock_for_repair`.
        now: the time in microseconds since the epoch, for the names.

    Raises:
        OSError: a file can't be read or written; it is unchanged.
    """
    files = examine_files(ledger.folder, ledger.paths)
    damaged = [file for file in files if file.found.findings and not file.found.is_foreign]
    with ledger.state.child(QUARANTINE_NAME, create=True) as quarantine:
        return [_repair_file(ledger, file, quarantine, now) for file in damaged]


def _repair_file(ledger: LockedLedger, file: Examined, quarantine: Directory, now: int) -> Repaired:
    suffix = f"_damaged_{time.strftime('%Y%m%d_%H%M%S', time.gmtime(now // 1_000_000))}"
    stem = _free_stem(quarantine, stem_of(file.name) + suffix)
    original = stem + file.name.removeprefix(stem_of(file.name))
    quarantine.replace(original, _bytes_of(ledger.folder, file.name), durable=True)
    if file.found.lost:
        quarantine.replace(f"{stem}_lines.txt", _lines_of(file.found.lost), durable=True)
    # Before the rows: a rounded number must never look like a reported one.
    _mark_rounded(ledger, set(file.found.rounded), now)
    lines = file.found.lines
    is_compressed = file.name.endswith(COMPRESSED)
    data = compress(lines) if is_compressed else lines
    ledger.folder.replace(file.name, data, durable=True)
    return Repaired(file, original)


def _free_stem(quarantine: Directory, stem: str) -> str:
    names = quarantine.names()
    free, number = stem, 1
    while any(name.startswith((f"{free}.", f"{free}_lines.")) for name in names):
        number += 1
        free = f"{stem}_{number}"
    return free


def _bytes_of(folder: Directory, name: str) -> Iterator[bytes]:
    descriptor = folder.open_file(name, os.O_RDONLY)
    try:
        while chunk := os.read(descriptor, _CHUNK):
            yield chunk
    finally:
        os.close(descriptor)


def _lines_of(lost: list[LostBytes]) -> Iterator[bytes]:
    for damaged in lost:
        yield f"line {damaged.line}: {damaged.reason}\n".encode("utf-8", "replace")
        yield damaged.data + b"\n"


def _mark_rounded(ledger: LockedLedger, executions: set[str], now: int) -> None:
    # A number that a spreadsheet shortened is not the reported one any more.
    if not executions:
        return
    rows = {name: _blank(name, now) for name in sorted(executions)}
    for name in names_in(ledger.folder, ledger.paths.usage):
        with open_in(ledger.folder, name) as file:
            for row in read_lines(file, USAGE_COLUMNS):
                if row.cells and row.cells[_ID] in executions:
                    rows[row.cells[_ID]] = row.cells
    for cells in rows.values():
        cells[_RECORDED_AT], cells[_BASIS], cells[_SOURCE] = format_us(now), ESTIMATED, _ROUNDED
    lines = [codec.encode_line(cells) for cells in rows.values()]
    ledger.append_usage(USAGE_COLUMNS, lines, durable=True)


def _blank(execution: str, now: int) -> list[str]:
    return usage_row(execution, now, "", "", "", {}, ESTIMATED, {})
