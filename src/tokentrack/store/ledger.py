"""A ledger held under its lock: append to it, look at its end, keep what must not be lost."""

from __future__ import annotations

from tokentrack.store import append, codec, lock
from tokentrack.timestamps import format_us, now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tokentrack.store.directory import Directory
    from tokentrack.store.place import Place

# An append is at most this much where it can be repeated after a crash, so that the repetition
# is found in the tail.
BATCH_BYTES = 64 * 1024
_TAIL_BYTES = 128 * 1024

QUARANTINE_NAME = "quarantine"


class HeldLedger:
    """A ledger whose lock this process holds; close it, or use it in a `with` statement."""

    def __init__(self, place: Place, folder: Directory, state: Directory, held: lock.Lock) -> None:
        """Keep what `hold` opened."""
        self.place = place
        self.state = state
        self._folder = folder
        self._lock = held

    def append(self, columns: Sequence[str], lines: Sequence[bytes], *, durable: bool) -> None:
        """Append records to the ledger.

        Raises:
            OSError: they could not be written; the file is as it was before.
        """
        self._append(self.place.ledger, columns, lines, durable=durable)

    def append_usage(
        self, columns: Sequence[str], lines: Sequence[bytes], *, durable: bool
    ) -> None:
        """Append records to the usage ledger.

        Raises:
            OSError: they could not be written; the file is as it was before.
        """
        self._append(self.place.usage, columns, lines, durable=durable)

    def tail(self) -> Tail:
        """Return the ledger's end, where whatever a crash could repeat stands.

        Raises:
            OSError: the ledger can't be read.
        """
        try:
            return Tail(self._folder.read_tail(self.place.ledger, _TAIL_BYTES))
        except FileNotFoundError:
            return Tail(b"")

    def _append(
        self, name: str, columns: Sequence[str], lines: Sequence[bytes], *, durable: bool
    ) -> None:
        append.append_lines(
            self._folder, name, columns, lines, durable=durable, quarantine=self.quarantine
        )

    def quarantine(self, data: bytes, reason: str) -> None:
        """Keep bytes that have no place in the ledger, with the reason in the file's name.

        Raises:
            OSError: they could not be written.
        """
        stamp = format_us(now_us()).replace(":", "").replace("-", "")
        name = f"{stamp}-{reason.replace(' ', '-')}.bin"
        with self.state.child(QUARANTINE_NAME, create=True) as folder:
            folder.replace(name, data, durable=True)

    def close(self) -> None:
        """Let go of the lock."""
        self._lock.release()
        self.state.close()
        self._folder.close()

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock."""
        self.close()


def hold(place: Place, seconds: float, *, create: bool) -> HeldLedger | None:
    """Wait for a ledger's lock at most `seconds`; None when another holder kept it.

    Raises:
        OSError: the ledger's folder or its lock can't be opened.
    """
    folder = place.open_folder(create=create)
    try:
        state = folder.child(place.state, create=True)
        try:
            held = lock.acquire(folder, place.lock, seconds)
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
    return HeldLedger(place, folder, state, held)


class Tail:
    """The last bytes of a ledger, to look for what may stand there already."""

    def __init__(self, data: bytes) -> None:
        """Keep the bytes; the first line may be a part of one."""
        self._data = data

    def has_line(self, line: bytes) -> bool:
        """Tell whether a whole line stands here."""
        return self._data.startswith(line) or b"\n" + line in self._data

    def has_in_column(self, text: str, column: int) -> bool:
        """Tell whether a column holds a text in one of the records."""
        stored = codec.encode_line([text])[:-1]
        at = self._data.find(stored)
        while at >= 0:
            start = self._data.rfind(b"\n", 0, at) + 1
            line = self._data[start : self._data.find(b"\n", at)]
            # The start of the first line may be missing, and with it the count of columns.
            if _column_of(line, column) == text or (start == 0 and b"," + stored + b"," in line):
                return True
            at = self._data.find(stored, at + 1)
        return False


def _column_of(line: bytes, column: int) -> str:
    try:
        fields = codec.decode_line(line.decode("utf-8"))
    except ValueError:
        return ""
    return fields[column] if column < len(fields) else ""
