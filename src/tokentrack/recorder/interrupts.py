"""Ctrl-C while the Python API writes counts when the write is done, so that nothing stays open.

While the write waits for the lock, it is interrupted at once.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokentrack.store import lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Defer a Ctrl-C to the end of the block; does nothing in other threads than the main one."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        if lock.is_waiting:
            before(number, frame)
        else:
            came.append((number, frame))

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])
