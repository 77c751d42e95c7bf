"""The rows of the files as tuples of integers, in temporary tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tokentrack.errors import ValidationError
from tokentrack.reports.index.names import LedgerKinds, Patterns, UsageKinds, Words
from tokentrack.reports.index.tables import PLACE_BITS, STAGED, STAGING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from tokentrack.reports.index.file_reader import Block

StagedRow = tuple[int | None, ...]


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

    def __init__(self, staging: Staging, ledger: int, segment: int) -> None:
        """Name the tables, and the numbers of the ledger and of the file's segment."""
        self._staging = staging
        self._ledger = ledger
        self._base = segment << PLACE_BITS
        self.rows = 0
        self.damaged: list[tuple[int, str]] = []

    def note(self, line: int, reason: str) -> None:
        """Keep a damaged line."""
        self.damaged.append((line, reason))

    def _take_carefully(
        self, block: Block, cells: list[str], offset: int, staged: list[StagedRow]
    ) -> None:
        # A row that is not plain: written by others, or damaged.
        try:
            row = self._values(cells, offset)
        except (ValueError, ValidationError) as error:
            self.note(block.line + block.offsets.index(offset), str(error))
            return
        if row is not None:
            staged.append(row)

    def _values(self, cells: list[str], offset: int) -> StagedRow | None:
        raise NotImplementedError


def refuse() -> None:
    """Say that a row is not plain.

    Raises:
        ValueError: always.
    """
    raise ValueError("not a plain row")


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
