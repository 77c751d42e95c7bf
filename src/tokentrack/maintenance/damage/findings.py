"""What an examination finds in a file: values, to be shown or acted on."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A damaged place: the line's number, and what is wrong with it."""

    line: int
    reason: str


class Lost(NamedTuple):
    """Bytes that no record could be read from."""

    line: int
    reason: str
    data: bytes


class Examination:
    """What a file holds.

    Attributes:
        findings: the damaged places, in order; none means that the file is healthy.
        lines: the header and the records of the whole file, each as one line.
        lost: what could not be read.
        rounded: the executions whose tokens a spreadsheet shortened.
        is_foreign: whether nothing of a ledger is in it, neither a header nor a record.
    """

    def __init__(self) -> None:
        """Start with nothing found."""
        self.findings: list[Finding] = []
        self.lines: list[bytes] = []
        self.lost: list[Lost] = []
        self.rounded: list[str] = []
        self.is_foreign = False

    @property
    def records(self) -> int:
        """The number of records that were read."""
        return max(0, len(self.lines) - 1)


class Conflict:
    """A merge conflict in a file: a row on both sides of it is one row."""

    def __init__(self) -> None:
        """Start outside a conflict."""
        self.is_open = False
        self._others: set[bytes] = set()
        self._side: set[bytes] = set()

    def mark(self, line: bytes) -> None:
        """Pass one of git's markers."""
        self._others = (self._others | self._side) if self.is_open else set()
        self._side = set()
        self.is_open = not line.startswith(b">>>>>>>")

    def repeats(self, line: bytes) -> bool:
        """Tell whether a record stands on another side of the conflict too."""
        if not self.is_open:
            return False
        self._side.add(line)
        return line in self._others
