"""One pass over Kiro's files: since when, which turns it had already, and what it left out."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Self

    from tokentrack.kiro.turn import Turn


class SeenTurns:
    """A set in a private temporary database, which SQLite moves to the disk when it grows."""

    def __init__(self) -> None:
        """Begin an empty set."""
        import sqlite3  # a hook reads few turns and needs none

        # No name: SQLite makes the file itself, unlinked from the start.
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2048"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, key: str) -> bool:
        """Add a text and tell whether it is new."""
        # A lone surrogate is no valid TEXT for SQLite.
        cursor = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?)", (key.encode("utf-8", "surrogatepass"),)
        )
        return cursor.rowcount == 1

    def close(self) -> None:
        """Forget all; closing twice is fine."""
        self._database.close()


# Why something was left out.
VANISHED = "vanished"  # listed, but gone when it was opened
UNREADABLE = "unreadable"  # the system or SQLite says no
NOT_REGULAR = "not a regular file"  # a link, a folder, a pipe or a device
TOO_LONG = "too long"  # a line or a document over its limit
NOT_JSON = "not JSON"
HALF_WRITTEN = "half-written"  # a last line without its end
WRONG_SHAPE = "wrong shape"  # JSON, but not what Kiro writes there
REFUSED_NUMBER = "refused number"  # credits that are no finite number of 0 or more
DUPLICATE = "duplicate"  # the same turn in a copied, resumed or rewound session

# Microseconds: a turn that claims to have run for longer has no start that can be believed.
LONGEST_TURN = 30 * 24 * 3600 * 1_000_000
# What a shape that nobody foresaw can raise: it costs the record that has it, and no other.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

_MAX_EXAMPLES = 50


class Skipped:
    """Something that was left out: why, in which file, and in which line (0: the whole file)."""

    __slots__ = ("line", "path", "reason")

    def __init__(self, reason: str, path: str, line: int) -> None:
        """Keep it."""
        self.reason = reason
        self.path = path
        self.line = line

    def __repr__(self) -> str:
        """Show it as `FILE:LINE: REASON`."""
        return f"{self.path}:{self.line}: {self.reason}" if self.line else (
            f"{self.path}: {self.reason}"
        )  # fmt: skip


class ReadPass:
    """What the readers of one pass share; close it, or use it in a `with` statement.

    Attributes:
        since: turns that ended before are left out, microseconds since the epoch; None is all.
        counts: how much was left out, by reason.
        examples: the first 50 of them, duplicates aside.
    """

    __slots__ = ("_seen", "counts", "examples", "since")

    def __init__(self, since: int | None = None) -> None:
        """Begin a pass that has seen nothing."""
        self.since = since
        self.counts: dict[str, int] = {}
        self.examples: list[Skipped] = []
        self._seen: SeenTurns | None = None

    def skip(self, reason: str, path: str, line: int = 0) -> None:
        """Note that something was left out; a repeated turn is no damage and is only counted."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if reason != DUPLICATE and len(self.examples) < _MAX_EXAMPLES:
            self.examples.append(Skipped(reason, path, line))

    def add(self, other: ReadPass) -> None:
        """Take over what another pass left out."""
        for reason, count in other.counts.items():
            self.counts[reason] = self.counts.get(reason, 0) + count
        self.examples += other.examples[: _MAX_EXAMPLES - len(self.examples)]

    def is_recent(self, at: int | None) -> bool:
        """Tell whether a time is not before `since`; an unknown time counts as recent."""
        return self.since is None or at is None or at >= self.since

    def accepts(self, turn: Turn, path: str) -> bool:
        """Tell whether a turn is wanted and new, and remember it."""
        if not self.is_recent(turn.ended_at or turn.started_at):
            return False
        if self._seen is None:
            self._seen = SeenTurns()
        if self._seen.add(f"{turn.source}\0{turn.source_id}"):
            return True
        self.skip(DUPLICATE, path)
        return False

    def close(self) -> None:
        """Forget the turns; closing twice is fine."""
        if self._seen is not None:
            self._seen.close()
            self._seen = None

    def __enter__(self) -> Self:
        """Return the pass."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget the turns."""
        self.close()
