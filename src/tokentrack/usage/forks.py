"""Fork while other threads track: the parent's writers pause, the child begins anew.

A child inherits the descriptor of a ledger's lock that is held at that moment, and would hold the
lock as long as it lives; and it has none of the threads that would let go of the other locks.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Pausable(Protocol):
    """What must not be at work during a fork."""

    def pause(self) -> None:
        """Wait until it is not at work, and keep it from beginning."""

    def resume(self) -> None:
        """Go on, in the parent."""


class Renewable(Protocol):
    """What has locks."""

    def renew(self) -> None:
        """Begin anew, in the child."""


_pausables: WeakSet[Pausable] = WeakSet()
_renewables: WeakSet[Renewable] = WeakSet()
_forking = threading.local()


def pause_for_forks(item: Pausable) -> None:
    """See to it that every fork waits for an item to pause."""
    _pausables.add(item)


def renew_in_children(item: Renewable) -> None:
    """See to it that every child renews its copy of an item."""
    _renewables.add(item)


def _before() -> None:
    _forking.paused = list(_pausables)
    for item in _forking.paused:
        item.pause()


def _in_parent() -> None:
    for item in _forking.paused:
        item.resume()
    del _forking.paused


def _in_child() -> None:
    for item in list(_renewables):
        item.renew()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
