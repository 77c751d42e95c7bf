"""The rows of a usage ledger's file, staged; see `row_staging` about the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.common import timestamps
from tokentrack.kiro.values import stored_credits
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.index.cells import (
    count_of,
    credits_of,
    key_of,
    limbs_of,
    scaled,
    text_of,
    time_of,
)
from tokentrack.reports.index.names import RESET, TRACKED
from tokentrack.reports.index.staging import (
    FileStaging,
    StagedRow,
    check_width,
    has_no_zone,
    refuse,
)

if TYPE_CHECKING:
    from tokentrack.reports.index.file_reader import Block

_PLACES_OF_CREDITS = 27
_NEW_USAGE = "insert into new_usage values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEW_RESET = "insert into new_reset values (?, ?, ?)"
_UNKNOWN: StagedRow = (None, None, None)
_KIND_FIELDS = ("surface", "model", "token_basis", "credits_basis", "source", "user", "machine")


class UsageStaging(FileStaging):
    """Takes the rows of one file of a usage ledger."""

    columns = USAGE_COLUMNS

    def take(self, block: Block) -> None:
        """Add the rows of a block to the temporary tables."""
        staging, base, ledger = self._staging, self._base, self._ledger
        words, kinds = staging.words, staging.usage_kinds
        staged: list[StagedRow] = []
        add = staged.append
        for cells, offset in zip(block.rows, block.offsets, strict=True):
            try:
                (
                    identity, recorded, session, surface, model, i, o, c, amount, _, token_basis,
                    credits_basis, source, source_id, user, machine, tags,
                ) = cells  # fmt: skip
                kind = kinds[surface, model, token_basis, credits_basis, source, user, machine]
                if i or o or c or not identity or kind & TRACKED:
                    refuse()
                add((
                    key_of(identity), time_of(recorded), base + offset, ledger, kind,
                    words[session], words[tags], None, None, None,
                    *(credits_of(amount) if amount else _UNKNOWN),
                    key_of(source_id) if source_id else None, words[source] or 0,
                ))  # fmt: skip
            except ValueError:
                self._take_carefully(block, cells, offset, staged)
        staging.database.executemany(_NEW_USAGE, staged)
        self.rows += len(staged)
        staging.rows += len(staged)

    def _values(self, cells: list[str], offset: int) -> StagedRow | None:
        check_width(cells, USAGE_COLUMNS)
        row = dict(zip(USAGE_COLUMNS, cells, strict=True))
        staging, place = self._staging, self._base + offset
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
        limbs, link = _UNKNOWN, None
        if kind & TRACKED:
            _check_request(counts)
        else:
            limbs = _credits(row["credits"])
            link = key_of(row["source_id"]) if row["source_id"] else None
        return (
            key_of(row["agent_execution_id"]), at, place, self._ledger, kind, session,
            staging.words[row["tags"]], *counts, *limbs, link,
            staging.words[row["source"]] or 0,
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


def _count(row: dict[str, str], column: str) -> int | None:
    if not row[column]:
        return None
    try:
        return count_of(row[column], 15)
    except ValueError:
        raise ValueError(f"{column} can't be read") from None


def _credits(cell: str) -> tuple[int | None, ...]:
    if not cell:
        return _UNKNOWN
    try:
        return credits_of(cell)
    except ValueError:
        text = text_of(cell)
    if stored_credits(text) is None:
        raise ValueError("credits can't be read")
    return limbs_of(scaled(text, _PLACES_OF_CREDITS))


def _check_request(counts: list[int | None]) -> None:
    given, _, cached = counts
    if None in counts:
        raise ValueError("a tracked request needs its input, output and cached tokens")
    if (cached or 0) > (given or 0):
        raise ValueError("cached_tokens are more than input_tokens")
