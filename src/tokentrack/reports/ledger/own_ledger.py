"""Ask the index about one ledger, for those who then read the rows of its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from tokentrack.errors import FileSystemError
from tokentrack.reports.question import ask_index
from tokentrack.reports.scope import own_scope
from tokentrack.reports.sources import ledger_number

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.store.paths import LedgerPaths

_Answer = TypeVar("_Answer")
_PROBLEM = (
    "select problem from segment where usage = 1 and problem <> '' and name = ? "
    "and path = (select path from ledger where n = ?)"
)


def ask_own_ledger(
    paths: LedgerPaths,
    environ: Mapping[str, str] | None,
    answer: Callable[[sqlite3.Connection, int], _Answer],
) -> _Answer:
    """Return what an answer is, given the index and the number of the ledger in it.

    Args:
        paths: the ledger.
        environ: the environment, which says where the user's index is; None for a private index
            of this ledger alone.
        answer: asks the index.

    Raises:
        FileSystemError: the usage ledger can't be read.
    """
    index, ledgers = None, [paths]
    if environ is not None:
        scope = own_scope(paths, environ)
        index, ledgers = scope.index_path, list(scope.ledgers)

    def checked(opened: OpenIndex) -> _Answer:
        ledger = ledger_number(opened.database, paths)
        named = (os.fsencode(paths.usage), ledger)
        found = opened.database.execute(_PROBLEM, named).fetchone()
        if found is not None:
            raise FileSystemError(f"the usage ledger {paths.usage} can't be read: {found[0]}")
        return answer(opened.database, ledger)

    return ask_index(index, ledgers, None, checked)
