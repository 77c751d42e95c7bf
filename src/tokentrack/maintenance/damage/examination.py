"""The result of examining a file: values, to be shown or acted on."""

from __future__ import annotations

from typing import NamedTuple


class DamagedLine(NamedTuple):
    """The number of a damaged line, and its problem."""

    line: int
    reason: str


class LostBytes(NamedTuple):
    """Bytes in which no record can be read; a repair sets them aside."""

    line: int
    reason: str
    data: bytes


class Examination:
    """What a file holds.

    Attributes:
        findings: the damaged lines, in order; none means that the file is healthy.
        lines: the header and the records of the whole file, each as one line.
        lost: what can't be read.
        rounded: the executions whose token numbers a spreadsheet shortened.
        is_foreign: whether the file has neither a header nor a record, so it is not a ledger.
    """

    def __init__(self) -> None:
        self.findings: list[DamagedLine] = []
        self.lines: list[bytes] = []
        self.lost: list[LostBytes] = []
        self.rounded: list[str] = []
        self.is_foreign = False

    @property
    def records(self) -> int:
        """The number of records that were read."""
        return max(0, len(self.lines) - 1)
