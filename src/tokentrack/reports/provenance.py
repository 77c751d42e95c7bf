"""Where the numbers of an answer come from, and what was left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.reports.aggregates import PROVENANCE

if TYPE_CHECKING:
    import sqlite3

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.statements import Statements
    from tokentrack.store.paths import LedgerPaths


def provenance_of(
    opened: OpenIndex,
    ask: Statements,
    ledger: int | None,
    only: LedgerPaths | None,
    *,
    priced: int | None = None,
) -> dict[str, Any]:
    """Return the counts of an answer's turns by what is known of them, and the skipped rows.

    Args:
        opened: the index.
        ask: the question.
        ledger: the number of the only ledger that is asked about.
        only: that ledger.
        priced: how many turns have a price; None if it was not asked for.
    """
    parts = [part for part in ask.run((), PROVENANCE, is_split=False) if part[0]]
    names = [found.name for found in PROVENANCE]
    columns = [sum(column) for column in zip(*parts, strict=True)] or [0] * len(names)
    sums = dict(zip(names, columns, strict=True))
    turns = sums["turns"]
    return {
        "credits": {
            "reported": sums["known"],
            "unknown": turns - sums["known"] - sums["tracked"],
        },
        "requests": sums["tracked"],
        "tokens": {
            "reported": sums["reported"],
            "estimated": sums["estimated"],
            "unknown": turns - sums["reported"] - sums["estimated"],
        },
        "unpriced_turns": None if priced is None else turns - priced,
        "duplicates": sums["copies"],
        "superseded": sums["superseded"],
        "before_reset": 0,
        "usage_without_turn": _usage_without_turn(opened.database, ledger),
        "skipped": _skipped(opened.database, only),
        "source": opened.source,
    }


def _usage_without_turn(database: sqlite3.Connection, ledger: int | None) -> int:
    query = "select sum(superseded + 1) from {} where at is null"
    if ledger is None:
        return int(database.execute(query.format("turn")).fetchone()[0] or 0)
    query += f" and ledger = {ledger}"
    return sum(
        int(database.execute(query.format(table)).fetchone()[0] or 0) for table in ("turn", "part")
    )


def _skipped(database: sqlite3.Connection, only: LedgerPaths | None) -> list[dict[str, Any]]:
    rows = database.execute(
        "select path, name, line, reason from skipped join segment on n = segment "
        "order by path, usage, n, line"
    )
    return [
        {
            "file": os.path.join(os.path.dirname(os.fsdecode(path)), os.fsdecode(name)),
            "line": line,
            "reason": reason,
        }
        for path, name, line, reason in rows
        if only is None or os.fsdecode(path) == only.path
    ]
