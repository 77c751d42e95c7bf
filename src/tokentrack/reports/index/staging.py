"""The rows of the files as tuples of integers, in temporary tables."""

from __future__ import annotations

from datetime import datetime

from tokentrack.errors import ValidationError
from tokentrack.reports.index.names import LedgerKinds, Patterns, UsageKinds, Words
from tokentrack.reports.index.tables import PLACE_BITS, STAGED, STAGING

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from tokentrack.reports.index.file_reader import Block

StagedRow = tuple[int, ...]


class Staging:
    """The temporary tables, and the numbers of the texts of their rows.

    Attributes:
        is_local: whether a row has a time without a zone, which is the system's.
        rows: how many rows were taken.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        for statement in STAGING:
            database.execute(statement)
        self.database = database
        self.words = Words(database)
        self.patterns = Patterns(self.words)
        self.ledger_kinds = LedgerKinds(database, self.words)
        self.usage_kinds = UsageKinds(database, self.words)
        self.is_local = False
        self.rows = 0

    def drop(self) -> None:
        """Drop the tables."""
        for name in STAGED:
            self.database.execute(f"drop table temp.{name}")


class FileStaging:
    """Takes the rows of one file.

    Attributes:
        rows: how many rows were taken.
        damaged: the rows that can't be read, each with its line and the reason.
    """

    columns: Sequence[str]
    statement: str

    def __init__(self, staging: Staging, ledger: int, segment: int) -> None:
        """Name the tables, and the numbers of the ledger and of the file's segment."""
        self._staging = staging
        self._ledger = ledger
        self._base = segment << PLACE_BITS
        self.rows = 0
        self.damaged: list[tuple[int, str]] = []

    def take(self, block: Block) -> None:
        """Add the rows of a block to the temporary tables."""
        try:
            self._stage(self._plain(block), len(block.rows))
        except ValueError:
            rows = [self._careful(block, *row) for row in enumerate(block.rows)]
            staged = [row for row in rows if row is not None]
            self._stage(staged, len(staged))

    def note(self, line: int, reason: str) -> None:
        """Keep a damaged line."""
        self.damaged.append((line, reason))

    def _careful(self, block: Block, index: int, cells: list[str]) -> StagedRow | None:
        # A row that may be written by others, or damaged.
        try:
            check_width(cells, self.columns)
            return self._values(cells, self._base + block.offsets[index])
        except (ValueError, ValidationError) as error:
            self.note(block.line + index, str(error))
            return None

    def _stage(self, rows: Iterable[StagedRow], number: int) -> None:
        self._staging.database.executemany(self.statement, rows)
        self.rows += number
        self._staging.rows += number

    def _plain(self, block: Block) -> Iterable[StagedRow]:
        # Raises a ValueError for anything but plain rows.
        raise NotImplementedError

    def _values(self, cells: list[str], place: int) -> StagedRow | None:
        # Raises a ValueError or a ValidationError for what can't be read.
        raise NotImplementedError


def check_width(cells: list[str], columns: Sequence[str]) -> None:
    """Refuse a row with another number of cells.

    Raises:
        ValueError: it has another number.
    """
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} columns instead of {len(columns)}")


def has_no_zone(text: str) -> bool:
    """Tell whether a time is local, since it does not say its zone."""
    return datetime.fromisoformat(text).tzinfo is None
