"""The last turn of each surface and trigger in one ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.reports.groups import Words
from tokentrack.reports.index.tables import IMPORTED
from tokentrack.reports.question import ask_index
from tokentrack.reports.sources import JOINS, ledger_number

if TYPE_CHECKING:
    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.scope import Scope

_QUERY = f"""
select l.trigger, u.surface, max(t.at), max(t.at - t.micros) from {{}} t{"".join(JOINS.values())}
where t.ledger = ? and t.kind is not null and not t.kind & {IMPORTED} group by 1, 2
"""


class LastTurn(NamedTuple):
    """When turns of a surface and a trigger last ended and, where it is known, began.

    Times are in microseconds since the epoch; "" is an unknown surface or trigger.
    """

    trigger: str
    surface: str
    at: int
    began: int | None


def last_turns(scope: Scope) -> list[LastTurn]:
    """Return the last turns of the one ledger of a scope, without imported ones.

    Raises:
        FileSystemError: the ledgers can't be read.
    """
    only = scope.only
    if only is None:
        raise TypeError("the last turns are those of one ledger")

    def answer(opened: OpenIndex) -> list[LastTurn]:
        database, words = opened.database, Words(opened.database)
        ledger = (ledger_number(database, only),)
        rows = [
            row
            for table in ("turn", "part")
            for row in database.execute(_QUERY.format(table), ledger)
        ]
        words.read(number for row in rows for number in row[:2])
        return [LastTurn(words[row[0]] or "", words[row[1]] or "", *row[2:]) for row in rows]

    return ask_index(scope.index_path, [*scope.ledgers, only], None, answer)
