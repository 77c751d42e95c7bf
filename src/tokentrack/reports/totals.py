"""The basis of each execution's tokens, by a streaming pass over the usage ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, USAGE_COLUMNS
from tokentrack.reports.ledger_rows import read_files

if TYPE_CHECKING:
    from tokentrack.store.paths import LedgerPaths

_TOKEN_BASIS = USAGE_COLUMNS.index("token_basis")


def token_bases(paths: LedgerPaths) -> dict[str, str]:
    """Return the basis of the tokens by execution id: reported, estimated or unknown.

    A later row of an execution supersedes an earlier one.

    Raises:
        OSError: the usage ledger can't be read.
    """
    known = {REPORTED, ESTIMATED, UNKNOWN}
    return {
        record.cells[0]: record.cells[_TOKEN_BASIS]
        for _, record in read_files(paths, USAGE_COLUMNS, [], usage=True)
        if not record.problem and record.cells[_TOKEN_BASIS] in known
    }
