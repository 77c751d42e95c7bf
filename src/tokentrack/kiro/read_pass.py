"""One pass over Kiro's files: since when, which turns it has yielded, and what it left out."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Self

    from tokentrack.kiro.turn import Turn

# Why something was left out.
VANISHED = "vanished"  # listed, but gone when it was opened
UNREADABLE = "unreadable"  # refused by the system or by SQLite
NOT_REGULAR = "not a regular file"  # a link, a folder, a pipe or a device
TOO_LONG = "too long"  # a line or a document over its limit
NOT_JSON = "not JSON"
HALF_WRITTEN = "half-written"  # a last line without its line feed
WRONG_SHAPE = "wrong shape"  # JSON, but not as Kiro writes it there
REFUSED_NUMBER = "refused number"  # credits that are not a finite number of 0 or more
DUPLICATE = "duplicate"  # the same turn in a copied, resumed or rewound session

# Raised by the readers where Kiro's JSON has an unexpected shape. The record that has it is left
# out, and no other.
SHAPE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

_MAX_EXAMPLES = 50


class Skipped:
    """Something that was left out: why, from which file, and which line (0: the whole file)."""

    __slots__ = ("line", "path", "reason")

    def __init__(self, reason: str, path: str, line: int) -> None:
        self.reason = reason
        self.path = path
        self.line = line

    def __repr__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.reason}"


class ReadPass:
    """State that the readers of one pass share; close it, or use it in a `with` statement.

    Attributes:
        since: turns that ended earlier are left out, microseconds since the epoch; None is all.
        counts: how many things were left out, by reason.
        examples: the first 50 of them, without duplicates.
    """

    __slots__ = ("_seen", "counts", "examples", "since")

    def __init__(self, since: int | None = None) -> None:
        self.since = since
        self.counts: dict[str, int] = {}
        self.examples: list[Skipped] = []
        self._seen: SeenTurns | None = None

    def skip(self, reason: str, path: str, line: int = 0, count: int = 1) -> None:
        """Note that something was left out; a duplicate is only counted, as it is not damage."""
        if count:
            self.counts[reason] = self.counts.get(reason, 0) + count
        if reason != DUPLICATE:
            room = _MAX_EXAMPLES - len(self.examples)
            self.examples += [Skipped(reason, path, line)] * min(count, room)

    def add(self, other: ReadPass) -> None:
        """Take over what another pass left out."""
        for reason, count in other.counts.items():
            self.counts[reason] = self.counts.get(reason, 0) + count
        self.examples += other.examples[: _MAX_EXAMPLES - len(self.examples)]

    def is_recent(self, at: int | None) -> bool:
        """Tell whether a time is not before `since`; an unknown time is treated as recent."""
        return self.since is None or at is None or at >= self.since

    def accepts(self, turn: Turn, path: str) -> bool:
        """Tell whether a turn is recent and was not yielded before, and remember it."""
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
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SeenTurns:
    """A set of texts in a private temporary database, which SQLite moves to disk as it grows."""

    def __init__(self) -> None:
        import sqlite3  # not for a hook: it reads few turns and compares them itself

        # Without a name, SQLite makes a temporary file that is unlinked from the start.
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2048"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, key: str) -> bool:
        """Add a text and tell whether it is new."""
        # As bytes, because SQLite's TEXT can't hold a lone surrogate.
        cursor = self._database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?)", (key.encode("utf-8", "surrogatepass"),)
        )
        return cursor.rowcount == 1

    def close(self) -> None:
        """Forget all texts; closing twice is fine."""
        self._database.close()

    def __del__(self) -> None:
        # Not every reading is closed; from Python 3.13 on, that gives a warning.
        self._database.close()
