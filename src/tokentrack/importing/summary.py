"""What an import tells."""

from __future__ import annotations

import itertools
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.kiro.kiro_paths import KiroPaths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.store.paths import LedgerPaths

# Why a turn became no row.
KNOWN = "already in the ledger"
ELSEWHERE = "of another workspace"
UNPLACED = "of an unknown workspace"
RUNNING = "still running"
TIMELESS = "without a time"
EARLIER = "before --since"
CONFLICT = "in conflict with the first record of the same execution"


class Summary:
    """What an import did.

    Attributes:
        read: turns or rows that were looked at.
        added: new rows of the ledger.
        reconciled: rows of a hook's that got their numbers before anything was imported.
        completed: rows that were there and got their credits.
        unknown: new rows whose credits nobody knows.
        credits: the exact sum of what was added and completed.
        by_surface: new rows by Kiro surface.
        skipped: turns or rows that became no row, by reason.
        repeated: turns that stand once more in a copied, resumed or rewound session.
        left_out: what could not be read, by reason; `examples` are the first of it.
        conflicts: rows of a file that say something else than the ledger's of the same id, and
            in which columns; the first of them.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.read = self.added = self.unknown = self.repeated = 0
        self.reconciled = self.completed = 0
        self.credits = Decimal(0)
        self.by_surface: dict[str, int] = {}
        self.skipped: dict[str, int] = {}
        self.left_out: dict[str, int] = {}
        self.examples: list[str] = []
        self.conflicts: list[str] = []

    def skip(self, reason: str) -> None:
        """Count a turn that became no row."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def add(self, surface: str, amount: str | None) -> None:
        """Count a new row and its credits, None where they are unknown."""
        self.added += 1
        self.by_surface[surface] = self.by_surface.get(surface, 0) + 1
        if amount is None:
            self.unknown += 1
        else:
            self.credits += Decimal(amount)

    def complete(self, amount: str) -> None:
        """Count a row that got its credits."""
        self.completed += 1
        self.credits += Decimal(amount)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values; `credits` is exact decimal text."""
        return {**vars(self), "credits": format(self.credits, "f")}


HINT = "Kiro has history here: `tokentrack import --dry-run` shows it"
_MOST_ENTRIES = 1000
_MARK = "imported"


def history_hint(paths: LedgerPaths, environ: Mapping[str, str], before: int | None = None) -> str:
    """Return the hint, "" where nothing would be new or an import has ended.

    Args:
        paths: the ledger that the history would go into.
        environ: the environment.
        before: microseconds since the epoch. What Kiro wrote since then is recorded by the hook;
            None is all.
    """
    written = (_modified_at(path) for path in _traces(KiroPaths(environ)))
    is_old = any(at is not None and (before is None or at < before) for at in written)
    return HINT if is_old and not _is_imported(paths) else ""


def note_import(paths: LedgerPaths) -> None:
    """Leave the mark that hides the hint; makes no folder for a ledger that has none."""
    try:
        with paths.open_folder(create=False) as folder, paths.open_state(folder) as state:
            state.create(_MARK, b"", durable=False)
    except OSError:
        pass  # it is there, or there is no place for it: the hint does no harm


def _traces(paths: KiroPaths) -> Iterator[str]:
    for sessions in paths.sessions:
        for bucket in _names(sessions):
            for name in _names(os.path.join(sessions, bucket)):
                if name.startswith("sess_") or bucket == "cli":
                    yield os.path.join(sessions, bucket, name)
    for storage in paths.ide_storages:
        yield from (os.path.join(storage, name) for name in _names(storage))
    yield from paths.cli_databases


def _names(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, _MOST_ENTRIES):
                yield entry.name
    except OSError:
        return


def _modified_at(path: str) -> int | None:
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns // 1000
    except OSError:
        return None


def _is_imported(paths: LedgerPaths) -> bool:
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            return state.has(_MARK)
    except OSError:
        return False
