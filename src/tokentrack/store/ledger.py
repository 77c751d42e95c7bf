"""A ledger held under its lock: append to it, look at its end, keep what must not be lost."""

from __future__ import annotations

import os

from tokentrack.common.timestamps import format_us, now_us
from tokentrack.store import append, codec, lock

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_TAIL_BYTES = 128 * 1024
_MAX_SEARCHED_BYTES = 32 * 1024 * 1024

QUARANTINE_NAME = "quarantine"
# An interrupted drain of the spool, as `tokentrack.recorder.drain` notes it.
JOURNAL_NAME = "drain.json"


class LockedLedger:
    """A ledger whose lock this process holds; close it, or use it in a `with` statement."""

    def __init__(
        self, paths: LedgerPaths, folder: Directory, state: Directory, held: lock.Lock
    ) -> None:
        """Keep what `lock_ledger` opened."""
        self.paths = paths
        self.state = state
        self.folder = folder
        self._lock = held

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

    def mend(self, name: str, columns: Sequence[str]) -> int:
        """Take a torn last line off one of the two files and return its size, 0 for a new one.

        Raises:
            OSError: it can't be read or mended, or holds something else.
        """
        return append.mended_size(self.folder, name, columns, self.quarantine)

    def append_again(self, name: str, columns: Sequence[str], size: int, data: bytes) -> None:
        """Append to one of the two files, durably, what may stand there in part from `size` on.

        Raises:
            OSError: it could not be written.
        """
        end = self.mend(name, columns)
        found = self.folder.read_tail(name, end - size) if end > size else b""
        standing = found.split(b"\n")
        missing = []
        # Line by line: a power loss can leave any sectors of a write.
        for line in data.split(b"\n")[:-1]:
            if line in standing:
                standing.remove(line)
            else:
                missing.append(line + b"\n")
        self._append(name, columns, missing, durable=True)

    def size_if_complete(self) -> int:
        """Return the ledger's size, where whatever is appended from now on comes after.

        0 for a ledger whose last line is torn: mending it will take that line away.

        Raises:
            OSError: the ledger can't be read.
        """
        try:
            end = self.folder.read_tail(self.paths.ledger, 1)
            return self.folder.status(self.paths.ledger).st_size if end == b"\n" else 0
        except FileNotFoundError:
            return 0

    def tail(self, since: int | None = None) -> Tail:
        """Return the ledger from an offset on, or its end, to look for what stands there already.

        Raises:
            OSError: the ledger can't be read.
        """
        try:
            length = _TAIL_BYTES
            if since is not None:
                size = self.folder.status(self.paths.ledger).st_size
                length = min(max(0, size - since), _MAX_SEARCHED_BYTES)
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
        """Keep bytes that have no place in the ledger, with the reason in the file's name.

        Raises:
            OSError: they could not be written.
        """
        with self.state.child(QUARANTINE_NAME, create=True) as folder:
            folder.replace(_quarantine_name(reason), chunks, durable=True)

    def set_aside(self, name: str, reason: str) -> None:
        """Move a file of the state folder to the quarantine as it is, whatever it is.

        Raises:
            OSError: it could not be moved.
        """
        with self.state.child(QUARANTINE_NAME, create=True) as folder:
            self.state.rename_to(name, folder, _quarantine_name(reason))
            folder.sync()

    def close(self) -> None:
        """Let go of the lock."""
        self._lock.release()
        self.state.close()
        self.folder.close()

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock."""
        self.close()


def _quarantine_name(reason: str) -> str:
    stamp = format_us(now_us()).replace(":", "").replace("-", "")
    return f"{stamp}-{reason.replace(' ', '-')}-{os.urandom(3).hex()}.bin"


def lock_ledger(paths: LedgerPaths, seconds: float, *, create: bool) -> LockedLedger | None:
    """Wait for a ledger's lock at most `seconds`; None when another holder kept it.

    Raises:
        OSError: the ledger's folder or its lock can't be opened.
    """
    folder = paths.open_folder(create=create)
    try:
        state = paths.open_state(folder)
        try:
            held = lock.acquire(folder, paths.lock, seconds)
        except OSError:
            state.close()
            raise
    except OSError:
        folder.close()
        raise
    if held is None:
        state.close()
        folder.close()
        return None
    return LockedLedger(paths, folder, state, held)


class Tail:
    """The last bytes of a ledger, to look for what may stand there already."""

    def __init__(self, data: bytes) -> None:
        """Keep the whole lines of the bytes; the first one may lack its beginning."""
        self._data = data[: data.rfind(b"\n") + 1]

    def has_line(self, line: bytes) -> bool:
        """Tell whether a whole line stands here."""
        return self._data.startswith(line) or b"\n" + line in self._data

    def has_in_column(self, text: str, column: int) -> bool:
        """Tell whether a column, neither the first nor the last, holds a text in a record."""
        stored = b"," + codec.encode_line([text])[:-1] + b","
        at = self._data.find(stored)
        while at >= 0:
            start = self._data.rfind(b"\n", 0, at) + 1
            end = self._data.find(b"\n", at)
            line = self._data[start:end]
            # No record has a NUL: a power loss left it of one that was never whole. The start of
            # the first line may be missing, and with it the count of columns.
            if b"\0" not in line and (start == 0 or _column_of(line, column) == text):
                return True
            at = self._data.find(stored, end)
        return False


def _column_of(line: bytes, column: int) -> str:
    try:
        fields = codec.decode_line(line.decode("utf-8"))
    except ValueError:
        return ""
    return fields[column] if column < len(fields) else ""
