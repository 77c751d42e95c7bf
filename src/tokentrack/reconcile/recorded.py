"""What a usage ledger says already: who has which turn, and whose credits are known."""

from __future__ import annotations

from tokentrack.models.usage_record import REPORTED, USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.timestamps import format_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.store.ledger import HeldLedger

_BASIS = USAGE_COLUMNS.index("credits_basis")
_RECORDED = USAGE_COLUMNS.index("recorded_at")
_SOURCE_ID = USAGE_COLUMNS.index("source_id")


class RecordedUsage:
    """The end of a usage ledger, and what this process is about to append to it."""

    def __init__(self, held: HeldLedger, length: int) -> None:
        """Read at most the last `length` bytes; a ledger that can't be read is empty."""
        try:
            with held.place.open_folder(create=False) as folder:
                data = folder.read_tail(held.place.usage, length)
        except OSError:
            data = b""
        self._is_whole = len(data) < length
        # Every line has a line feed before it, the cut one has not.
        self._data = b"\n" + data if self._is_whole else data[max(0, data.find(b"\n")) :]
        self._added = b"\n"

    def add(self, lines: Sequence[bytes]) -> None:
        """Take over lines that are about to be appended."""
        self._added += b"".join(lines)

    def reaches(self, at: int) -> bool:
        """Tell whether all is here that was recorded since a time, microseconds since the epoch."""
        if self._is_whole:
            return True
        cells = _cells_at(self._data, 0)
        return bool(cells) and cells[_RECORDED] <= format_us(at)

    def has_credits(self, execution_id: str) -> bool:
        """Tell whether Kiro's credits of an execution are known."""
        cells = self._last_of(execution_id)
        return bool(cells) and cells[_BASIS] == REPORTED

    def holder(self, source_id: str, execution_id: str) -> list[str]:
        """Return the last row of another execution than this one that has a turn, [] if none."""
        mark = b"," + codec.encode_line([source_id])[:-1] + b","
        for data in (self._added, self._data):
            at = data.find(mark)
            while at >= 0:
                cells = _cells_at(data, data.rfind(b"\n", 0, at))
                if cells and cells[_SOURCE_ID] == source_id and cells[0] != execution_id:
                    return self._last_of(cells[0])
                at = data.find(mark, at + 1)
        return []

    def _last_of(self, execution_id: str) -> list[str]:
        own = b"\n" + codec.encode_line([execution_id])[:-1] + b","
        for data in (self._added, self._data):
            at = data.rfind(own)
            if at >= 0:
                return _cells_at(data, at)
        return []


def _cells_at(data: bytes, line_feed: int) -> list[str]:
    # The cells of the whole line after a line feed, [] for one that can't be read.
    start = line_feed + 1
    end = data.find(b"\n", start)
    if end < 0:
        return []
    try:
        cells = codec.decode_line(data[start:end].decode("utf-8"))
    except ValueError:
        return []
    return cells if len(cells) == len(USAGE_COLUMNS) else []
