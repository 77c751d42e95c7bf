"""Windows-only code, in a module of its own because `ctypes` is slow to import.

Written from the documentation of Windows, and not yet tested there.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

_POLL_SECONDS = 0.005


def wait_for_pipe(descriptor: int, seconds: float) -> bool:
    """Wait until a pipe has data or is closed, as `select` on Windows only supports sockets."""
    import msvcrt

    crt: Any = msvcrt  # its functions exist on Windows only, and so do their types
    windows: Any = ctypes
    handle = crt.get_osfhandle(descriptor)
    peek = windows.windll.kernel32.PeekNamedPipe
    available = ctypes.c_ulong(0)
    deadline = time.monotonic() + seconds
    while True:
        # The call fails for a closed pipe or a file, and both can be read at once.
        if not peek(handle, None, 0, None, ctypes.byref(available), None) or available.value:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
