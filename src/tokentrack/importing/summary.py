"""What an import tells."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

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
