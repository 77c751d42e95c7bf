"""A locked ledger: append rows, search its last rows, and quarantine what is not a row."""

from __future__ import annotations

from tokentrack.store import append, codec, lock

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_TAIL_BYTES = 128 * 1024
_MAX_SEARCHED_BYTES = 32 * 1024 * 1024
_BLOCK = 64 * 1024
# An id is so often in the wrong column only if that was forged.
_MOST_CANDIDATES = 100_000

# Written by `tokentrack.recorder.drain` while it moves events from the spool to the ledger.
JOURNAL_NAME = "drain.json"


class LockedLedger:
    """A ledger whose lock this process holds; close it, or use it in a `with` statement.

    Attributes:
        paths: where the ledger is.
        folder: the ledger's folder.
        state: the folder of state in it.
    """

    def __init__(
        self, paths: LedgerPaths, folder: Directory, state: Directory, held_lock: lock.Lock
    ) -> None:
        self.paths = paths
        self.state = state
        self.folder = folder
        self._lock = held_lock

    def append(self, columns: Sequence[str], lines: Sequence[bytes], *, durable: bool) -> None:
        """Append records to the ledger.

        Raises:
            OSError: they could not be written; the file is as it was before.
        """
        self._append(self.paths.ledger, columns, lines, durable=durable)

    def append_usage(
        self, columns: Sequence[str], lines: Sequence[bytes], *, durable: bool
    ) -> None:
        """Append records to the usage ledger.

        Raises:
            OSError: they could not be written; the file is as it was before.
        """
        self._append(self.paths.usage, columns, lines, durable=durable)

    def remove_torn_line(self, name: str, columns: Sequence[str]) -> int:
        """Move a torn last line of one of the two files to quarantine and return the file's size.

        Raises:
            OSError: the file can't be read or written, or holds something else.
        """
        return append.remove_torn_line(self.folder, name, columns, self.quarantine)

    def append_missing(self, name: str, columns: Sequence[str], size: int, data: bytes) -> None:
        """Append, durably, those lines that an interrupted append has not written.

        Args:
            name: the ledger or the usage ledger.
            columns: the header's names.
            size: the file's size before the interrupted append.
            data: the lines of that append.

        Raises:
            OSError: they could not be written.
        """
        end = self.remove_torn_line(name, columns)
        # Nothing else was appended since, but perhaps a header and the end of a line.
        most = len(data) + len(codec.encode_line(list(columns))) + 1
        found = self.folder.read_tail(name, min(end - size, most)) if end > size else b""
        present: dict[bytes, int] = {}
        for line in found.split(b"\n"):
            present[line] = present.get(line, 0) + 1
        missing = []
        # Each line is compared: after a power loss any sectors of a write may be missing.
        for line in data.split(b"\n")[:-1]:
            if present.get(line):
                present[line] -= 1
            else:
                missing.append(line + b"\n")
        self._append(name, columns, missing, durable=True)

    def size_if_complete(self) -> int:
        """Return the ledger's size, after which all later rows are appended.

        Return 0 when its last line is torn, since the next append removes that line.

        Raises:
            OSError: the ledger can't be read.
        """
        try:
            end = self.folder.read_tail(self.paths.ledger, 1)
            return self.folder.status(self.paths.ledger).st_size if end == b"\n" else 0
        except FileNotFoundError:
            return 0

    def tail(self, search_from: int | None = None) -> Tail:
        """Return the last 128 KiB of the ledger, or all of it from an offset, to search for rows.

        Raises:
            OSError: the ledger can't be read.
        """
        try:
            length = _TAIL_BYTES
            if search_from is not None:
                size = self.folder.status(self.paths.ledger).st_size
                length = min(max(0, size - search_from), _MAX_SEARCHED_BYTES)
            return Tail(self.folder.read_tail(self.paths.ledger, length))
        except FileNotFoundError:
            return Tail(b"")

    def _append(
        self, name: str, columns: Sequence[str], lines: Sequence[bytes], *, durable: bool
    ) -> None:
        append.append_lines(
            self.folder, name, columns, lines, durable=durable, quarantine=self.quarantine
        )

    def quarantine(self, chunks: Iterable[bytes], reason: str) -> None:
        """Store bytes that are not a row in the quarantine, with the reason in the file's name.

        Raises:
            OSError: they could not be written.
        """
        from tokentrack.store.quarantine import keep

        keep(self.state, chunks, reason)

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()
        self.state.close()
        self.folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def replace_in_state(
    state: Directory, folder: Directory, name: str, data: bytes, *, durable: bool
) -> None:
    """Replace a file of a state folder; a folder in its place goes to the quarantine.

    With `durable`, the caller makes the folder durable.

    Raises:
        OSError: it can't be written.
    """
    try:
        folder.replace(name, data, durable=durable, sync_folder=False)
    except OSError:
        from tokentrack.store.quarantine import clear_way

        if not clear_way(state, folder, name):
            raise
        folder.replace(name, data, durable=durable, sync_folder=False)


def lock_ledger(paths: LedgerPaths, seconds: float, *, create: bool) -> LockedLedger | None:
    """Lock a ledger, after at most `seconds` of waiting; None when another process keeps the lock.

    Raises:
        OSError: the ledger's folder or its lock can't be opened.
    """
    folder = paths.open_folder(create=create)
    try:
        state = paths.open_state(folder)
        try:
            held_lock = lock.acquire(folder, paths.lock, seconds)
        except OSError:
            state.close()
            raise
    except OSError:
        folder.close()
        raise
    if held_lock is None:
        state.close()
        folder.close()
        return None
    return LockedLedger(paths, folder, state, held_lock)


class Tail:
    """The last bytes of a ledger, to search for rows that may already be written."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes up to the last line feed; the first line may lack its start."""
        self._data = data[: data.rfind(b"\n") + 1]

    def has_line(self, line: bytes) -> bool:
        """Tell whether one of the lines is this one."""
        return self._data.startswith(line) or b"\n" + line in self._data

    def has_in_column(self, text: str, column: int) -> bool:
        """Tell whether a record has a text in a column, which is not the first or the last."""
        stored = b"," + codec.encode_line([text])[:-1] + b","
        data, at = self._data, self._data.find(stored)
        start = end = -1
        for _ in range(_MOST_CANDIDATES):
            if at < 0:
                break
            if at >= end:
                start = data.rfind(b"\n", 0, at) + 1
                end = data.find(b"\n", at)
                counted, commas, in_quotes = start, 0, False
                # A line with a NUL is what a power loss left of a record.
                if data.find(b"\0", start, end) >= 0:
                    at = data.find(stored, end)
                    continue
            more, is_other = _count(data, counted, at, in_quotes=in_quotes)
            counted, commas, in_quotes = at, commas + more, is_other
            # The first line may lack its start, so its columns can't be counted.
            if start == 0 or (not in_quotes and commas + 1 == column):
                return True
            at = data.find(stored, at + 1)
        return False


def _count(data: bytes, start: int, end: int, *, in_quotes: bool) -> tuple[int, bool]:
    # How many commas outside quotes there are, and whether the part ends inside quotes.
    commas = 0
    for block in range(start, end, _BLOCK):
        parts = data[block : min(block + _BLOCK, end)].split(b'"')
        commas += sum([part.count(b",") for part in parts[in_quotes::2]])
        in_quotes ^= len(parts) % 2 == 0
    return commas, in_quotes
