"""The rows of a ledger's file, staged."""

from __future__ import annotations

from itertools import repeat
from operator import methodcaller

from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import RESET_SOURCE, TRACKED_SOURCE
from tokentrack.reports.index.cell_columns import (
    columns_of,
    counts,
    durations,
    keys,
    shifted,
    times,
)
from tokentrack.reports.index.cells import UNKNOWN, key_of, scaled, text_of
from tokentrack.reports.index.staging import FileStaging, StagedRow, has_no_zone
from tokentrack.reports.index.tables import IMPORTED

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.reports.index.file_reader import Block

# Microseconds from the year 1 to 1970: added to a time, no time is negative.
BEFORE_1970 = 62_135_596_800_000_000
# An ordering is a time since the year 1, with this bit above it for an imported row.
IMPORTED_BIT = 60
_IMPORTED_SHIFT = IMPORTED_BIT - 1  # from `IMPORTED`, which is 2

_NEW_NODE = "insert into new_node values (?, ?, ?, ?)"
_COLON = methodcaller("__contains__", ":")
_NEVER_LINKS = frozenset({TRACKED_SOURCE, RESET_SOURCE})


class RowStaging(FileStaging):
    """Takes the rows of one file of a ledger."""

    columns = COLUMNS
    statement = "insert into new_row values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

    def _plain(self, block: Block) -> Iterable[StagedRow]:
        staging = self._staging
        (
            at, _, tokens, elapsed, session, workspace, trigger, identity, files, hook, failed,
            message,
        ) = columns_of(block.rows, len(COLUMNS))  # fmt: skip
        texts = zip(workspace, trigger, hook, failed, strict=True)
        kinds = list(map(staging.ledger_kinds.__getitem__, texts))
        ids, ordered = keys(identity), list(shifted(times(at), BEFORE_1970))
        if any(kind & IMPORTED for kind in set(kinds)):
            ordered = list(map(_after_others, ordered, kinds))
        patterns = list(map(staging.patterns.__getitem__, files))
        rows = zip(
            ids,
            ordered,
            shifted(block.offsets, self._base),
            repeat(self._ledger),
            kinds,
            counts(tokens, 18),
            durations(elapsed),
            map(staging.words.__getitem__, session),
            map(staging.words.__getitem__, message),
            patterns,
        )
        for cell in filter(_COLON, identity):
            self._note_links(cell)
        return rows

    def _note_links(self, identity: str) -> None:
        # `source:source_id` names a turn of one of Kiro's stores.
        at = identity.find(":")
        while at >= 0:
            source, rest = identity[:at], identity[at + 1 :]
            if source not in _NEVER_LINKS and rest:
                number = self._staging.words[source]
                staged = (key_of(identity), self._ledger, key_of(rest), number)
                self._staging.database.execute(_NEW_NODE, staged)
            at = identity.find(":", at + 1)

    def _values(self, cells: list[str], place: int) -> StagedRow:
        record = TokenTransaction.from_csv_row([text_of(cell) for cell in cells])
        staging = self._staging
        staging.is_local |= has_no_zone(cells[0])
        kind = staging.ledger_kinds[cells[5], cells[6], cells[9], cells[10].lower()]
        if ":" in cells[7]:
            self._note_links(cells[7])
        return (
            key_of(cells[7]),
            _after_others(record.timestamp_us + BEFORE_1970, kind),
            place,
            self._ledger,
            kind,
            record.tokens_used,
            scaled(cells[3], 6) if cells[3] else UNKNOWN,
            staging.words[cells[4]],
            staging.words[cells[11]],
            staging.patterns[cells[8]],
        )


def _after_others(ordering: int, kind: int) -> int:
    return ordering | (kind & IMPORTED) << _IMPORTED_SHIFT
