"""Which ledgers are asked, and where their index is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from tokentrack.store.paths import index_path
from tokentrack.store.registry import registered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.store.paths import LedgerPaths


class Scope(TypedDict):
    """The arguments of a question that say what is asked.

    Attributes:
        ledgers: all ledgers of which an index is kept.
        only: the one ledger of them whose files are asked about; None for all.
        index: the path of the index; None to read the files for this answer alone.
    """

    ledgers: Sequence[LedgerPaths]
    only: LedgerPaths | None
    index: str | None


def own_scope(paths: LedgerPaths, environ: Mapping[str, str]) -> Scope:
    """Return what is asked about one ledger; the index is used if the ledger is registered."""
    known = registered(environ)
    if any(ledger.path == paths.path for ledger in known):
        return Scope(ledgers=known, only=paths, index=index_path(environ))
    return Scope(ledgers=[paths], only=paths, index=None)
