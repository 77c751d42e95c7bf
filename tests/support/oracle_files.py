"""The files of some ledgers as the oracle reads them, and what decides between their rows.

Written apart from `tokentrack.reports`: it shares with it only the reader of single records and
the check of a ledger row.
"""

from __future__ import annotations

import os
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from typing import NamedTuple

from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.archives import open_ledger_file
from tokentrack.store.reader import read_records

REQUEST, RESET = "tracked-request", "session-reset"
EXACT = Context(prec=3000)
COUNTS = ("input_tokens", "output_tokens", "cached_tokens")


class Row(NamedTuple):
    """A row of a ledger, and what decides between two of one execution."""

    ledger: str
    order: tuple
    record: TokenTransaction
    micros: int | None


class Usage(NamedTuple):
    """A usage row, and what decides between two of one execution."""

    ledger: str
    order: tuple
    at: int
    cells: dict[str, str]


class World(NamedTuple):
    """All that the files of some ledgers say."""

    rows: list[Row]
    usage: list[Usage]
    skipped: list[tuple[str, int]]


def rounded(text: str, places: int) -> Decimal:
    with localcontext(EXACT):
        return Decimal(text).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def files_of(ledger: str, active: str) -> list[str]:
    """Return a ledger's files, the archives by age first."""
    folder, name = os.path.dirname(ledger), active
    if not os.path.isdir(folder):
        return []
    stem = name.removesuffix(".csv")
    present = set(os.listdir(folder))
    found = []
    for entry in present:
        match = re.fullmatch(re.escape(stem) + r"_(\d{8})(?:_(\d{1,6}))?\.csv(\.gz)?", entry)
        if match and not (match[3] and entry.removesuffix(".gz") in present):
            found.append((match[1], int(match[2] or 1), entry))
    return [os.path.join(folder, entry) for _, _, entry in sorted(found)] + (
        [os.path.join(folder, name)] if name in present else []
    )


def read(ledgers: list[str]) -> World:
    """Read all files of some ledgers, given by the paths of their active files."""
    world = World([], [], [])
    for ledger in sorted(set(ledgers)):
        usage = ledger.replace("token_transactions", "token_usage")
        _take_files(
            world, ledger, files_of(ledger, os.path.basename(ledger)),
            files_of(ledger, os.path.basename(usage)),
        )  # fmt: skip
    return world


def read_files(rows: list[str]) -> World:
    """Read some files of one ledger, the oldest first, each with its usage ledger if it has one."""
    world = World([], [], [])
    stems = [path.replace("token_transactions", "token_usage").removesuffix(".gz") for path in rows]
    usage = [name for stem in stems for name in (stem, f"{stem}.gz")]
    _take_files(world, rows[-1], rows, [path for path in usage if os.path.exists(path)])
    return world


def _take_files(world, ledger, rows, usage):
    for number, path in enumerate(rows):
        for at, record in _records(path, COLUMNS, world):
            _take_row(world, ledger, (number, at), path, record)
    for number, path in enumerate(usage):
        for at, record in _records(path, USAGE_COLUMNS, world):
            _take_usage(world, ledger, (number, at), path, record)


def _records(path, columns, world):
    with open_ledger_file(path) as file:
        try:
            for record in read_records(file, columns):
                if record.problem:
                    world.skipped.append((path, record.line))
                else:
                    yield record.line, record
        except OSError:
            world.skipped.append((path, 0))


def _take_row(world, ledger, place, path, record):
    try:
        made = TokenTransaction.from_csv_row(record.cells)
    except ValidationError:
        world.skipped.append((path, record.line))
        return
    cell = record.cells[COLUMNS.index("elapsed_time")]
    micros = int(rounded(cell, 6).scaleb(6)) if cell else None
    order = (made.hook_name == "import", made.timestamp_us, ledger, place)
    world.rows.append(Row(ledger, order, made, micros))


def _take_usage(world, ledger, place, path, record):
    cells = dict(zip(USAGE_COLUMNS, record.cells, strict=True))
    try:
        at = timestamps.parse(cells["recorded_at"])
        is_sound = cells["source"] == RESET or _is_sound(cells)
    except ValueError:
        is_sound = False
    if not is_sound:
        world.skipped.append((path, record.line))
        return
    world.usage.append(Usage(ledger, (at, ledger, place), at, cells))


def _is_sound(cells) -> bool:
    counts = [cells[name] for name in COUNTS]
    is_request = cells["source"] == REQUEST
    if not cells["agent_execution_id"]:
        return False
    if not all(
        re.fullmatch(r"[0-9]{1,15}", count) or (not count and not is_request) for count in counts
    ):
        return False
    if is_request:
        return int(counts[2]) <= int(counts[0])
    return not cells["credits"] or is_amount(cells["credits"])


def is_amount(cell: str) -> bool:
    try:
        amount = Decimal(cell)
    except InvalidOperation:
        return False
    return amount.is_finite() and 0 <= amount <= 10**9 and amount.adjusted() > -400
