"""Which ledgers are asked, and where their index is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.store.paths import index_path
from tokentrack.store.registry import registered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.index.refresh import Progress
    from tokentrack.reports.pseudonyms import Pseudonyms
    from tokentrack.store.paths import LedgerPaths


class Scope(NamedTuple):
    """The ledgers to ask.

    Attributes:
        ledgers: all ledgers of which an index is kept.
        only: the one of them that is asked about.
        index_path: the path of the index; None to read the files.
        missing: by path what is missing in or next to the files that the user named.
        pseudonyms: what replaces names; None leaves them.
        progress: is told how many bytes were read, and when the index is open.
    """

    ledgers: Sequence[LedgerPaths]
    only: LedgerPaths | None = None
    index_path: str | None = None
    missing: Mapping[str, str] = {}
    pseudonyms: Pseudonyms | None = None
    progress: Progress | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a question."""
        return {
            "ledgers": self.ledgers, "only": self.only, "index": self.index_path,
            "progress": self.progress,
        }  # fmt: skip

    def noted(self, answer: Answer) -> Answer:
        """Add to an answer what is missing, and take from it what is to be redacted."""
        answer.unreadable |= self.missing
        only = self.only
        if only is not None and only.path not in {paths.path for paths in self.ledgers}:
            answer.unreadable.pop(only.path, None)  # not created yet, so nothing is missing
        return answer if self.pseudonyms is None else self.pseudonyms.answer(answer)


def own_scope(paths: LedgerPaths, environ: Mapping[str, str]) -> Scope:
    """Return what is asked about one ledger; the index is used if the ledger is registered."""
    known = registered(environ)
    if any(ledger.path == paths.path for ledger in known):
        return Scope(known, paths, index_path(environ))
    return Scope([paths], paths)
