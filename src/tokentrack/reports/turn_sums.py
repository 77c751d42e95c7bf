"""Sums of turns for `statusline` that the totals of all users by day can't give it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any

from tokentrack.reports import dimensions
from tokentrack.reports.aggregates import NUMBERS
from tokentrack.reports.conditions import filter_of
from tokentrack.reports.groups import Words
from tokentrack.reports.index.day_totals import has_totals
from tokentrack.reports.sources import Filter
from tokentrack.reports.span import Span
from tokentrack.reports.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.reports.dimensions import Dimension
    from tokentrack.reports.zones import Zone
    from tokentrack.store.paths import LedgerPaths

_DAY, _SESSION = dimensions.find("day"), dimensions.find("session")
_OF_SESSION = "select failed, turns, a, b, c from session_total where session = ?"
_MICROSECONDS_BACK = 62 * 86_400_000_000  # for the last session of a workspace


def sums_by_day(
    database: sqlite3.Connection, zone: Zone, user: str, first: int
) -> list[tuple[Any, ...]]:
    """Return sums by day and failure: the number of the day, then as of `session_sums`.

    Args:
        database: the index.
        zone: whose days count.
        user: whose turns count, as those without a user do.
        first: the first day.
    """
    names = [user, ""] if user else [""]
    own = filter_of(Words(database), dimensions.find_filter("user"), names)
    return _run(database, zone, Span(first), own, (_DAY,))


def session_sums(
    database: sqlite3.Connection, zone: Zone, session: str | None, paths: LedgerPaths | None
) -> list[tuple[Any, ...]] | None:
    """Return the sums of a session's turns by failure, None if it is not found.

    Each is whether they failed, how many they are, and the three integers of their credits.

    Args:
        database: the index.
        zone: any zone.
        session: its id; None for the one with the last turn in a ledger.
        paths: that ledger; None if there is none.
    """
    if session is not None:
        numbers = Words(database).numbers([session])
    else:
        numbers = [] if paths is None else _last_session(database, paths)
    if not numbers:
        return None
    if has_totals(database):  # of days of any zone
        return database.execute(_OF_SESSION, (numbers[0],)).fetchall()
    is_of_it = Filter(_SESSION, f"{_SESSION.column} = {numbers[0]}")
    return _run(database, zone, Span(), is_of_it, ())


def _last_session(database: sqlite3.Connection, paths: LedgerPaths) -> list[int]:
    query = "select n from ledger where path = ?"
    ledger = database.execute(query, (os.fsencode(paths.path),)).fetchone()
    found = []
    for table in ("turn", "part") if ledger else ():
        query = (
            f"select t.at, t.id, {_SESSION.column} from {table} t where t.ledger = ? and t.at >= "
            f"(select max(at) from turn) - {_MICROSECONDS_BACK} and {_SESSION.column} is not null "
            "order by t.at desc, t.id desc limit 1"
        )
        found += database.execute(query, ledger).fetchall()
    return [max(found)[2]] if found else []


def _run(
    database: sqlite3.Connection,
    zone: Zone,
    span: Span,
    condition: Filter,
    by: Sequence[Dimension],
) -> list[tuple[Any, ...]]:
    try:
        ask = Statements(database, zone, span, [condition], None)
        rows = list(ask.run(by, NUMBERS, is_split=True))
    except sqlite3.OperationalError as error:
        if "overflow" not in str(error):
            raise
        ask = Statements(database, zone, span, [condition], None, is_wide=True)
        rows = list(ask.run(by, NUMBERS, is_split=True))
    first = len(by)
    # Without the turns whose credits are known, the tokens and the time.
    return [(*row[: first + 2], *row[first + 3 : first + 6]) for row in rows if row[first + 1]]
