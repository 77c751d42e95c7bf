"""Where the tokens of a ledger's executions come from, for each row that is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.index.tables import BASIS_MASK
from tokentrack.reports.ledger.own_ledger import ask_own_ledger

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from tokentrack.store.paths import LedgerPaths

_NAMES = (UNKNOWN, REPORTED, ESTIMATED)


class TokenBases:
    """The basis of the tokens of each execution, as all of its usage rows together say."""

    def __init__(self, database: sqlite3.Connection, ledger: int) -> None:
        """Read them.

        Args:
            database: the index.
            ledger: the number of the ledger; what other ledgers say of an execution of it counts
                only where this one does not say it.
        """
        query = f"select id, usage_kind & {BASIS_MASK} from {{}} where usage_kind & {BASIS_MASK}"
        tables = (("turn", (0, ledger)), ("part", (ledger,)))
        self._known: dict[int, int] = {}
        for table, ledgers in tables:
            among = f" and ledger in ({', '.join(map(str, ledgers))})"
            self._known.update(database.execute(query.format(table) + among))
        self._roots = dict(database.execute("select id, root from alias"))

    def of(self, execution_id: str) -> str:
        """Return the basis: reported, estimated or unknown."""
        key = key_of_text(execution_id)
        found = self._known.get(key)
        if found is None:
            found = self._known.get(self._roots.get(key, key), 0)
        return _NAMES[found]


def token_bases(paths: LedgerPaths, environ: Mapping[str, str]) -> TokenBases:
    """Return the basis of the tokens of a ledger's executions.

    Raises:
        FileSystemError: the usage ledger can't be read.
    """
    return ask_own_ledger(paths, environ, TokenBases)
