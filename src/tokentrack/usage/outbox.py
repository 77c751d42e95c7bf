"""What was tracked and is not on disk yet: written at once, or by a thread in the background.

Whoever writes takes everything that waits, so threads that track at the same time share one lock
and one fsync. What could not be written stays and is tried again with the next request.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentrack.reports.budgets import BudgetAlert
    from tokentrack.reports.requests import UsageRequest

    Write = Callable[[list[UsageRequest]], list[BudgetAlert]]
    Deliver = Callable[[list[BudgetAlert]], None]


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


_RETRY_SECONDS = 1.0
_log = logging.getLogger("tokentrack.usage")


class Outbox:
    """Requests that wait for the disk, in order; safe for any number of threads.

    Attributes:
        lost: how many requests could be kept neither on disk nor here.
    """

    def __init__(self, write: Write, deliver: Deliver, limit: int, *, background: bool) -> None:
        """Keep at most about `limit` requests.

        Args:
            write: puts requests on disk and returns the alerts that they gave.
            deliver: hands over the alerts of what the thread wrote.
            limit: how many requests may wait.
            background: whether a thread writes.
        """
        self._write = write
        self._deliver = deliver
        self._limit = limit
        self._background = background
        self.lost = 0
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Begin anew in a forked child: what waits is the parent's to write."""
        self._waiting: deque[UsageRequest] = deque()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def waiting(self) -> list[UsageRequest]:
        """Return what is not on disk yet."""
        with self._changed:
            return list(self._waiting)

    def put(self, request: UsageRequest) -> tuple[bool, list[BudgetAlert]]:
        """Take a request; return whether it is on disk, and the alerts that this call wrote."""
        alerts: list[BudgetAlert] = []
        if self._is_full():
            saved, alerts = self.flush()
            if not saved:
                self._count_loss(1)
                return False, alerts
        with self._changed:
            self._waiting.append(request)
            self._changed.notify()
        if self._background and not self._closed:
            self._start_thread()
            return False, alerts
        saved, more = self.flush()
        return saved, alerts + more

    def flush(self) -> tuple[bool, list[BudgetAlert]]:
        """Write what waits; return whether it is all on disk, and the alerts that it gave."""
        with self._writing:
            batch = self.waiting()
            if not batch:
                return True, []
            try:
                alerts = self._write(batch)
            except (OSError, TokenTrackError) as error:
                _log.warning("%d requests are not on disk yet: %s", len(batch), error)
                return False, []
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()
            return True, alerts

    def close(self) -> None:
        """Write what waits and end the thread; what still can't be written is counted as lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        saved, alerts = self.flush()
        self._deliver(alerts)
        if not saved:
            left = len(self.waiting())
            self._count_loss(left)
            _log.error("%d requests could not be written and are lost", left)

    def _is_full(self) -> bool:
        with self._changed:
            return len(self._waiting) >= self._limit

    def _count_loss(self, requests: int) -> None:
        with self._changed:
            self.lost += requests

    def _start_thread(self) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="tokentrack-usage", daemon=True
                )
                self._thread.start()
                _flush_in_worker_process(self)

    def _run(self) -> None:
        failed = False
        while self._wait(_RETRY_SECONDS if failed else None):
            saved, alerts = self.flush()
            failed = not saved
            self._deliver(alerts)

    def _wait(self, pause: float | None) -> bool:
        # Whether there is something to write, and the outbox is open.
        with self._changed:
            if pause is not None:
                self._changed.wait_for(lambda: self._closed, pause)
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return not self._closed


def _flush_in_worker_process(outbox: Outbox) -> None:
    # A worker of multiprocessing ends without atexit, by its own list of finalizers.
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        import_module("multiprocessing.util").Finalize(None, outbox.close, exitpriority=10)
