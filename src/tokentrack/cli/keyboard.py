"""Single keys from a terminal, and its settings put back at the end."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

ESCAPE = "\x1b"
_NEXT_BYTE = 0.05  # seconds in which the rest of an arrow key's sequence comes


def keyboard() -> Any:
    """Return the keyboard of standard input, for a `with` statement."""
    if os.name == "nt":
        from tokentrack.cli.keyboard_windows import WindowsKeyboard

        return WindowsKeyboard()
    return Keyboard()


class Keyboard:
    """Reads keys without waiting for the end of a line and without showing them."""

    def __enter__(self) -> Self:
        import termios

        self._input = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._input)
        changed = termios.tcgetattr(self._input)
        changed[3] &= ~(termios.ICANON | termios.ECHO)
        # Suspended, the program would leave its screen behind.
        changed[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(self._input, termios.TCSADRAIN, changed)
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        try:
            termios.tcsetattr(self._input, termios.TCSAFLUSH, self._before)
        except termios.error:
            pass  # the terminal is gone

    def read(self, seconds: float) -> str | None:
        """Return the next key, "" after so many seconds without one; None if the terminal is gone.

        Keys that send more than a character are taken for none.
        """
        if not select.select([self._input], [], [], seconds)[0]:
            return ""
        try:
            data = os.read(self._input, 1)
            if data == ESCAPE.encode() and self._is_sequence():
                return ""
        except OSError:
            return None
        return data.decode("latin-1") if data else None

    def _is_sequence(self) -> bool:
        # Whether more bytes came with an Esc, up to the letter with which a sequence ends.
        found = b""
        while select.select([self._input], [], [], _NEXT_BYTE)[0]:
            data = os.read(self._input, 1)
            found += data
            if not data or (data.isalpha() and found != b"O") or data == b"~":
                break
        return bool(found)
