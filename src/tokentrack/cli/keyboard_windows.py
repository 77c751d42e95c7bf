"""Single keys from the console of Windows. This is untested."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

_TICK = 0.05
_FIRST_OF_TWO = ("\x00", "\xe0")


class WindowsKeyboard:
    """As `keyboard.Keyboard`."""

    def __enter__(self) -> Self:
        self._console: Any = importlib.import_module("msvcrt")  # its stub exists on Windows alone
        return self

    def __exit__(self, *_: object) -> None:
        pass  # nothing was changed

    def read(self, seconds: float) -> str | None:
        """Return the next key, "" after so many seconds without one."""
        end = time.monotonic() + seconds
        while not self._console.kbhit():
            if time.monotonic() >= end:
                return ""
            time.sleep(_TICK)
        key: str = self._console.getwch()
        if key in _FIRST_OF_TWO:
            self._console.getwch()
            return ""
        if key == "\x03":
            raise KeyboardInterrupt
        return key
