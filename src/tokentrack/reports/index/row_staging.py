"""The rows of a ledger's file, staged.

The loop is long for the sake of speed: a first build spends most of its time in it, and in that
of the usage rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import RESET_SOURCE, TRACKED_SOURCE
from tokentrack.reports.index.cells import (
    count_of,
    duration_of,
    key_of,
    scaled,
    text_of,
    time_of,
)
from tokentrack.reports.index.names import IMPORTED
from tokentrack.reports.index.staging import (
    FileStaging,
    StagedRow,
    check_width,
    has_no_zone,
    refuse,
)

if TYPE_CHECKING:
    from tokentrack.reports.index.file_reader import Block

# Microseconds from the year 1 to 1970: added to a time, no time is negative.
BEFORE_1970 = 62_135_596_800_000_000
# An ordering is a time since the year 1, with this bit above it for an imported row.
IMPORTED_BIT = 60
_IMPORTED_SHIFT = IMPORTED_BIT - 1  # from `IMPORTED`, which is 2

_NEW_ROW = "insert into new_row values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEW_NODE = "insert into new_node values (?, ?, ?, ?)"
_NEVER_LINKS = frozenset({TRACKED_SOURCE, RESET_SOURCE})


class RowStaging(FileStaging):
    """Takes the rows of one file of a ledger."""

    columns = COLUMNS

    def take(self, block: Block) -> None:
        """Add the rows of a block to the temporary table."""
        staging, base, ledger = self._staging, self._base, self._ledger
        words, kinds, patterns = staging.words, staging.ledger_kinds, staging.patterns
        staged: list[StagedRow] = []
        add = staged.append
        for cells, offset in zip(block.rows, block.offsets, strict=True):
            try:
                (
                    at, _, tokens, elapsed, session, workspace, trigger, identity, files, hook,
                    failed, message,
                ) = cells  # fmt: skip
                kind = kinds[workspace, trigger, hook, failed]
                if not identity:
                    refuse()
                add((
                    key_of(identity),
                    time_of(at) + BEFORE_1970 | (kind & IMPORTED) << _IMPORTED_SHIFT,
                    base + offset, ledger, kind, count_of(tokens, 18) or None,
                    duration_of(elapsed), words[session], words[message], patterns[files],
                ))  # fmt: skip
                if ":" in identity:
                    self._note_links(identity)
            except ValueError:
                self._take_carefully(block, cells, offset, staged)
        staging.database.executemany(_NEW_ROW, staged)
        self.rows += len(staged)
        staging.rows += len(staged)

    def _note_links(self, identity: str) -> None:
        # `source:source_id` names a turn of one of Kiro's stores.
        at = identity.find(":")
        while at >= 0:
            source, rest = identity[:at], identity[at + 1 :]
            if source not in _NEVER_LINKS and rest:
                number = self._staging.words[source] or 0
                staged = (key_of(identity), self._ledger, key_of(rest), number)
                self._staging.database.execute(_NEW_NODE, staged)
            at = identity.find(":", at + 1)

    def _values(self, cells: list[str], offset: int) -> StagedRow:
        check_width(cells, COLUMNS)
        record = TokenTransaction.from_csv_row([text_of(cell) for cell in cells])
        staging = self._staging
        staging.is_local |= has_no_zone(cells[0])
        kind = staging.ledger_kinds[cells[5], cells[6], cells[9], cells[10].lower()]
        if ":" in cells[7]:
            self._note_links(cells[7])
        return (
            key_of(cells[7]),
            record.timestamp_us + BEFORE_1970 | (kind & IMPORTED) << _IMPORTED_SHIFT,
            self._base + offset, self._ledger, kind, record.tokens_used or None,
            scaled(cells[3], 6) if cells[3] else None,
            staging.words[cells[4]], staging.words[cells[11]], staging.patterns[cells[8]],
        )  # fmt: skip
