"""The report of an import, and when `status` and `init` suggest one."""

from __future__ import annotations

import itertools
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.kiro.kiro_paths import KiroPaths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.store.paths import LedgerPaths

# Why a turn or row was skipped.
KNOWN = "already in the ledger"
ELSEWHERE = "of another workspace"
UNPLACED = "of an unknown workspace"
RUNNING = "still running"
TIMELESS = "without a time"
EARLIER = "before --since"
CONFLICT = "in conflict with the first record of the same execution"
HINT = "Kiro has history here: `tokentrack import --dry-run` shows it"
_MOST_ENTRIES = 1000
_MARK = "imported"


class Summary:
    """What an import did.

    Attributes:
        read: how many turns or rows were read.
        added: how many rows the ledger got.
        reconciled: how many recorded rows got their credits before the import.
        completed: how many existing rows got their credits from the import.
        named: how many existing rows got only the name of their user.
        unknown: how many new rows have unknown credits.
        credits: the exact sum of the new and the completed rows.
        by_surface: the number of new rows by Kiro surface.
        skipped: the number of turns or rows that were not added, by reason.
        repeated: how many turns were repeated in copied, resumed or rewound sessions.
        left_out: the number of unreadable places, by reason; `examples` has the first ones.
        conflicts: rows that differ from the ledger's row of the same id, with the columns in which
            they do; the first ones.
    """

    def __init__(self) -> None:
        self.read = self.added = self.unknown = self.repeated = 0
        self.reconciled = self.completed = self.named = 0
        self.credits = Decimal(0)
        self.by_surface: dict[str, int] = {}
        self.skipped: dict[str, int] = {}
        self.left_out: dict[str, int] = {}
        self.examples: list[str] = []
        self.conflicts: list[str] = []

    def skip(self, reason: str) -> None:
        """Count a turn or row that is not added."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def add(self, surface: str, amount: str | None) -> None:
        """Count a new row with its credits, None if they are unknown."""
        self.added += 1
        self.by_surface[surface] = self.by_surface.get(surface, 0) + 1
        if amount is None:
            self.unknown += 1
        else:
            self.credits += Decimal(amount)

    def complete(self, amount: str) -> None:
        """Count an existing row that gets its credits."""
        self.completed += 1
        self.credits += Decimal(amount)

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values; `credits` is exact decimal text."""
        return {**vars(self), "credits": format(self.credits, "f")}


def history_hint(paths: LedgerPaths, environ: Mapping[str, str], before: int | None = None) -> str:
    """Return the suggestion to import, "" without anything new or after a complete import.

    Args:
        paths: the ledger that the history would go into.
        environ: the environment.
        before: when the hook began to record, in microseconds since the epoch: only older files
            count. None counts all.
    """
    written = (_modified_at(path) for path in _traces(KiroPaths(environ)))
    is_old = any(at is not None and (before is None or at < before) for at in written)
    return HINT if is_old and not _is_imported(paths) else ""


def history_size(environ: Mapping[str, str]) -> str:
    """Return how many sessions and files have Kiro's history, in words; not more are looked at."""
    found = (path for path in _traces(KiroPaths(environ)) if _modified_at(path) is not None)
    number = sum(1 for _ in itertools.islice(found, _MOST_ENTRIES))
    return f"{number:,} or more" if number == _MOST_ENTRIES else f"{number:,}"


def note_import(paths: LedgerPaths) -> None:
    """Note a complete import, which ends the suggestion; makes no folder for the ledger."""
    try:
        with paths.open_folder(create=False) as folder, paths.open_state(folder) as state:
            state.create(_MARK, b"", durable=False)
    except OSError:
        pass  # it exists, or the folder does not: then the suggestion stays


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
