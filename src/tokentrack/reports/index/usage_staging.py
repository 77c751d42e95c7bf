"""The rows of a usage ledger's file, staged."""

from __future__ import annotations

from itertools import repeat

from tokentrack.common import timestamps
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.index.cell_columns import (
    columns_of,
    credit_limbs,
    keys,
    optional_counts,
    optional_keys,
    refuse_unless,
    shifted,
    times,
)
from tokentrack.reports.index.cell_times import time_of
from tokentrack.reports.index.cells import (
    UNKNOWN,
    UNKNOWN_LIMBS,
    count_of,
    credits_of,
    key_of,
    text_of,
)
from tokentrack.reports.index.names import RESET
from tokentrack.reports.index.staging import FileStaging, StagedRow, has_no_zone
from tokentrack.reports.index.tables import TRACKED

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.reports.index.file_reader import Block

_NEW_COUNTS = "insert into new_counts values (?, ?, ?, ?)"
_NEW_RESET = "insert into new_reset values (?, ?, ?)"
_MOST_DIGITS = 15
_KIND_FIELDS = ("surface", "model", "token_basis", "credits_basis", "source", "user", "machine")


class UsageStaging(FileStaging):
    """Takes the rows of one file of a usage ledger."""

    columns = USAGE_COLUMNS
    statement = "insert into new_usage values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

    def _plain(self, block: Block) -> Iterable[StagedRow]:
        staging = self._staging
        (
            identity, recorded, session, surface, model, given, produced, cached, amount, _,
            token_basis, credits_basis, source, source_id, user, machine, tags,
        ) = columns_of(block.rows, len(USAGE_COLUMNS))  # fmt: skip
        texts = zip(surface, model, token_basis, credits_basis, source, user, machine, strict=True)
        kinds = list(map(staging.usage_kinds.__getitem__, texts))
        # Requests and resets have rules of their own.
        refuse_unless(not any(kind & TRACKED for kind in set(kinds)))
        high, middle, low = zip(*credit_limbs(amount), strict=True)
        counted = [optional_counts(cells, _MOST_DIGITS) for cells in (given, produced, cached)]
        rows = zip(
            keys(identity),
            times(recorded),
            shifted(block.offsets, self._base),
            repeat(self._ledger),
            kinds,
            map(staging.words.__getitem__, session),
            map(staging.words.__getitem__, tags),
            high,
            middle,
            low,
            optional_keys(source_id),
            map(staging.words.__getitem__, source),
        )
        if any(counted):
            places = shifted(block.offsets, self._base)
            full = [cells or repeat(UNKNOWN, len(kinds)) for cells in counted]
            staging.database.executemany(_NEW_COUNTS, zip(places, *full, strict=True))
        return rows

    def _values(self, cells: list[str], place: int) -> StagedRow | None:
        row = dict(zip(USAGE_COLUMNS, cells, strict=True))
        staging = self._staging
        at = self._time(row["recorded_at"])
        kind = staging.usage_kinds[tuple([row[name] for name in _KIND_FIELDS])]
        session = staging.words[row["session_id"]]
        if kind == RESET:
            staging.database.execute(_NEW_RESET, (self._ledger, session, place))
            self.rows += 1
            return None
        if not row["agent_execution_id"]:
            raise ValueError("agent_execution_id is empty")
        counts = [_count(row, name) for name in ("input_tokens", "output_tokens", "cached_tokens")]
        limbs, link = UNKNOWN_LIMBS, UNKNOWN
        if kind & TRACKED:
            _check_request(counts)
        else:
            limbs = credits_of(row["credits"]) if row["credits"] else UNKNOWN_LIMBS
            link = key_of(row["source_id"]) if row["source_id"] else UNKNOWN
        if max(counts) != UNKNOWN:
            staging.database.execute(_NEW_COUNTS, (place, *counts))
        return (
            key_of(row["agent_execution_id"]), at, place, self._ledger, kind, session,
            staging.words[row["tags"]], *limbs, link, staging.words[row["source"]],
        )  # fmt: skip

    def _time(self, cell: str) -> int:
        try:
            return time_of(cell)
        except ValueError:
            text = text_of(cell)
        try:
            at = timestamps.parse(text)
        except ValueError:
            raise ValueError("recorded_at can't be read") from None
        self._staging.is_local |= has_no_zone(text)
        return at


def _count(row: dict[str, str], column: str) -> int:
    if not row[column]:
        return UNKNOWN
    try:
        return count_of(row[column], _MOST_DIGITS)
    except ValueError:
        raise ValueError(f"{column} can't be read") from None


def _check_request(counts: list[int]) -> None:
    given, _, cached = counts
    if UNKNOWN in counts:
        raise ValueError("a tracked request needs its input, output and cached tokens")
    if cached > given:
        raise ValueError("cached_tokens are more than input_tokens")
