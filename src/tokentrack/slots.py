"""How many threads of this process write to one ledger at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_free = threading.Condition()
_writing: Counter[str] = Counter()


@contextmanager
def write_slot(path: str, limit: int, seconds: float) -> Iterator[float]:
    """Wait until fewer than `limit` threads write to a ledger; give what is left of `seconds`.

    0 says that no slot came free in time: the caller must not wait for the lock as well.
    """
    deadline = time.monotonic() + seconds
    with _free:
        taken = _free.wait_for(lambda: _writing[path] < limit, seconds)
        _writing[path] += taken
    try:
        yield max(0.0, deadline - time.monotonic()) if taken else 0.0
    finally:
        with _free:
            _writing[path] -= taken
            if not _writing[path]:
                del _writing[path]
            _free.notify()


def writing(path: str) -> int:
    """Return how many threads of this process hold a slot of a ledger."""
    with _free:
        return _writing[path]
