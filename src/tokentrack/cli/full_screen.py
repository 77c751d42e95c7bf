"""The terminal's other screen, and what was there before put back at the end."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

# The other screen, without a cursor and without line wrap.
_BEGIN = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_END = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"


class FullScreen:
    """Shows lines on the other screen of standard output."""

    def __enter__(self) -> Self:
        self._write(_BEGIN)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write(_END)
        except OSError:
            # The terminal is gone: nothing more may be flushed to it.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (until the exit)

    def show(self, lines: Sequence[str], rows: int) -> None:
        """Show the lines that fit into so many rows; the last line is always among them.

        Raises:
            OSError: the terminal is gone.
        """
        shown = [*lines[:-1][: max(rows - 1, 0)], lines[-1]]
        text = f"{_REST_OF_LINE}\r\n".join(shown)
        self._write(f"{_HOME}{text}{_REST_OF_LINE}{_REST}")

    def _write(self, text: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
