"""The tables that a question is answered from: turns, or totals of them."""

from __future__ import annotations

import os

from tokentrack.reports import calendar
from tokentrack.reports.dimensions import KIND, USAGE, Dimension
from tokentrack.reports.index.day_totals import SLOT_BEGIN

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from tokentrack.store.paths import LedgerPaths

MONTHS, DATES, DAYS = "month_total", "date_total", "day_total"
SESSIONS, MESSAGES = "session_total", "message_total"
# With the time at which a slot begins in place of a turn's.
SLOTS = f"(select *, {SLOT_BEGIN} as at from slot_total)"
# Those that know of all ledgers and kinds together, and of failed turns apart.
OF_ALL = {DATES, SESSIONS, MESSAGES, SLOTS}
BY_WORD = {"session": SESSIONS, "message": MESSAGES}
# What sums need of a turn.
OF_TURN = "kind, usage_kind, tokens, micros, a, b, c, copies, superseded, input, output, cached"
REQUESTS = "request_total"
# What a turn's kinds tell.
JOINS = {
    KIND: " left join ledger_kind l on l.n = t.kind",
    USAGE: " left join usage_kind u on u.n = t.usage_kind",
}


class Filter:
    """A condition on turns, and the dimension that it is about."""

    __slots__ = ("condition", "dimension")

    def __init__(self, dimension: Dimension, condition: str) -> None:
        self.dimension = dimension
        self.condition = condition


class Source:
    """A table, and the conditions that are not about filters."""

    __slots__ = ("conditions", "table")

    def __init__(self, table: str, conditions: Sequence[str] = ()) -> None:
        self.table = table
        self.conditions = conditions

    @property
    def is_totals(self) -> bool:
        """Whether it has sums of turns."""
        return self.table not in {"turn", "part"}


def between(table: str, column: str, first: int | None, last: int | None) -> Source:
    """Return a table of totals, from one value of a column to another."""
    found = []
    if first is not None:
        found.append(f"t.{column} >= {first}")
    if last is not None:
        found.append(f"t.{column} <= {last}")
    return Source(table, found)


def months(first: int | None, last: int | None) -> list[Source]:
    """Return the totals of whole months, and of the days before and after these."""
    # A month is known by its first day.
    low = None if first is None else _next_month(first - 1)
    high = None if last is None else calendar.first_day_of(calendar.month_of(last + 1)) - 1
    if low is not None and high is not None and low > high:
        return [between(DAYS, "day", first, last)]
    found = [between(MONTHS, "month", low, high)]
    if first is not None and low is not None and first < low:
        found.append(between(DAYS, "day", first, low - 1))
    if last is not None and high is not None and high < last:
        found.append(between(DAYS, "day", high + 1, last))
    return found


def _next_month(day: int) -> int:
    return calendar.first_day_of(calendar.month_of(day) + 1)


def ledger_number(database: sqlite3.Connection, paths: LedgerPaths) -> int:
    """Return the number of a ledger in an index, -1 if it has no files."""
    query = "select n from ledger where path = ?"
    found = database.execute(query, (os.fsencode(paths.path),)).fetchone()
    return int(found[0]) if found else -1
