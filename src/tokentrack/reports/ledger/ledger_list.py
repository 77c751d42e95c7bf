"""The known ledgers, how many turns each has, and when the last one was."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.reports.question import ask_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.index.refresh import Progress
    from tokentrack.store.paths import LedgerPaths

_TURNS = "select ledger, at from {} where at is not null"
_COUNTS = f"""
select path, count(*), max(at) from ({_TURNS.format("turn")} union all {_TURNS.format("part")}) t
join ledger on n = t.ledger group by path
"""


class KnownLedgers(NamedTuple):
    """The ledgers ordered by path, and where the counts come from: `index` or `scan`."""

    ledgers: list[KnownLedger]
    source: str


class KnownLedger(NamedTuple):
    """A ledger.

    Attributes:
        path: its path.
        exists: whether its file, or that of its usage ledger, is still there.
        turns: how many turns it has, its archives included; None is unknown.
        last: the time of the last one in microseconds since the epoch; None if there is none.
        problem: why it can't be read, "" if it can.
    """

    path: str
    exists: bool
    turns: int | None
    last: int | None
    problem: str


def list_ledgers(
    ledgers: Sequence[LedgerPaths], *, index: str | None = None, progress: Progress | None = None
) -> KnownLedgers:
    """Return the ledgers with their turns, ordered by path.

    A turn that lies in several ledgers is counted in each.

    Args:
        ledgers: all ledgers of which an index is kept.
        index: the path of the index; without one, the files are read for this answer alone.
        progress: is told how many bytes were read.

    Raises:
        FileSystemError: the ledgers can't be read.
    """

    def answer(opened: OpenIndex) -> KnownLedgers:
        counts = {
            os.fsdecode(path): (turns, last)
            for path, turns, last in opened.database.execute(_COUNTS)
        }
        found = []
        for paths in sorted(ledgers, key=lambda paths: paths.path):
            folder = os.path.dirname(paths.path)
            names = (paths.path, os.path.join(folder, paths.usage))
            exists = any(os.path.lexists(name) for name in names)
            problem = opened.unreadable.get(paths.path, "")
            is_known = paths.path in counts or (exists and not problem)
            turns, last = counts.get(paths.path, (0 if is_known else None, None))
            found.append(KnownLedger(paths.path, exists, turns, last, problem))
        return KnownLedgers(found, opened.source)

    return ask_index(index, ledgers, progress, answer)
