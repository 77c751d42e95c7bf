"""The end of a usage ledger: which execution has which turn, and whose credits are known."""

from __future__ import annotations

from tokentrack.common.timestamps import format_us
from tokentrack.models.usage_record import REPORTED, USAGE_COLUMNS
from tokentrack.store import codec

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_BASIS = USAGE_COLUMNS.index("credits_basis")
_RECORDED = USAGE_COLUMNS.index("recorded_at")
_SOURCE_ID = USAGE_COLUMNS.index("source_id")


class RecordedUsage:
    """The end of a usage ledger, with the lines that this process is about to append."""

    def __init__(self, ledger: LockedLedger, length: int, *, in_hook: bool) -> None:
        """Read at most the last `length` bytes; a ledger that can't be read is taken as empty.

        A command also reads archives, as far as `reaches` needs them. A hook has no time for that.
        """
        self._paths = ledger.paths
        data, has_archives = _read_active(ledger.paths, length)
        is_cut = len(data) >= length
        # From the first line feed on: before it is the header, or the rest of a cut line.
        self._data = data[max(0, data.find(b"\n")) :]
        self._added = b"\n"
        self._is_whole = not is_cut and not has_archives
        self._left = 0 if in_hook or is_cut else length - len(data)
        self._archives: list[str] | None = None

    def add(self, lines: Sequence[bytes]) -> None:
        """Add lines that are about to be appended."""
        self._added += b"".join(lines)

    def reaches(self, at: int) -> bool:
        """Tell whether all rows recorded since a time are here; microseconds since the epoch."""
        since = format_us(at)
        while not self._is_whole:
            cells = _cells_at(self._data, 0)
            if cells and cells[_RECORDED] <= since:
                return True
            if not self._read_archive():
                return False
        return True

    def has_credits(self, execution_id: str) -> bool:
        """Tell whether Kiro's credits of an execution are known."""
        cells = self._last_row(execution_id)
        return bool(cells) and cells[_BASIS] == REPORTED

    def owner(self, source_id: str, execution_id: str) -> list[str]:
        """Return the last row of the execution that a turn belongs to, [] if none has it.

        Args:
            source_id: the turn.
            execution_id: an execution to ignore: the one for which the question is asked.
        """
        mark = b"," + codec.encode_line([source_id])[:-1] + b","
        for data in (self._added, self._data):
            at = data.find(mark)
            while at >= 0:
                cells = _cells_at(data, data.rfind(b"\n", 0, at))
                if cells and cells[_SOURCE_ID] == source_id and cells[0] != execution_id:
                    return self._last_row(cells[0])
                at = data.find(mark, at + 1)
        return []

    def _last_row(self, execution_id: str) -> list[str]:
        own = b"\n" + codec.encode_line([execution_id])[:-1] + b","
        for data in (self._added, self._data):
            at = data.rfind(own)
            if at >= 0:
                return _cells_at(data, at)
        return []

    def _read_archive(self) -> bool:
        # Put the next older archive before what was read; False if no more can be read.
        if self._left <= 0:
            return False
        from tokentrack.store.archive_names import archives_in
        from tokentrack.store.archives import open_in

        try:
            with self._paths.open_folder(create=False) as folder:
                if self._archives is None:
                    self._archives = archives_in(folder, self._paths.usage)
                if self._archives:
                    with open_in(folder, self._archives.pop()) as file:
                        self._put_before(_read_end(file, self._left + 1))
        except OSError:
            self._left = 0  # older rows can't be known
            return False
        self._is_whole = self._left > 0 and not self._archives
        return True

    def _put_before(self, data: bytes) -> None:
        self._left -= len(data)
        self._data = data[max(0, data.find(b"\n")) :] + self._data


def _read_active(paths: LedgerPaths, length: int) -> tuple[bytes, bool]:
    # The end of the active file, and whether there are archives. They are recognised by their
    # names' beginning, because loading `store.archives` costs a hook too much. Where that is
    # wrong, more notes are left to the commands.
    prefix = paths.usage.removesuffix(".csv") + "_"
    has_archives = False
    try:
        with paths.open_folder(create=False) as folder:
            has_archives = any(name.startswith(prefix) for name in folder.scan())
            return folder.read_tail(paths.usage, length), has_archives
    except OSError:
        return b"", has_archives


def _read_end(file: BinaryIO, length: int) -> bytes:
    # Read from the beginning, since a compressed file has no other way.
    end = b""
    while chunk := file.read(length):
        end = (end + chunk)[-length:]
    return end


def _cells_at(data: bytes, line_feed: int) -> list[str]:
    # The cells of the whole line after a line feed, [] if it can't be read.
    start = line_feed + 1
    end = data.find(b"\n", start)
    if end < 0:
        return []
    try:
        cells = codec.decode_line(data[start:end].decode("utf-8"))
    except ValueError:
        return []
    return cells if len(cells) == len(USAGE_COLUMNS) else []
