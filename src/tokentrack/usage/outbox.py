"""Requests that are tracked and not on disk yet: written at once, or by a thread.

Whichever thread writes takes all waiting requests, so threads that track at the same time share
one lock and one fsync. Requests that could not be written are tried again with the next one.

The thread lives only as long as requests wait. It is not a daemon, so the end of the program, or
of a `multiprocessing` worker, waits for it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentrack.reports.requests.budgets import BudgetAlert
    from tokentrack.reports.requests.token_usage import UsageRequest
    from tokentrack.usage.writer import UsageWriter

    Deliver = Callable[[list[BudgetAlert]], None]

_RETRY_SECONDS = 1.0
_log = logging.getLogger("tokentrack.usage")


class Outbox:
    """Requests that wait for the disk, in order; safe for any number of threads.

    Attributes:
        lost: how many requests could be kept neither on disk nor here.
    """

    def __init__(
        self, writer: UsageWriter, deliver: Deliver, limit: int, *, background: bool
    ) -> None:
        """Create an empty outbox.

        Args:
            writer: puts requests on disk.
            deliver: gets the alerts of what the thread has written.
            limit: how many requests may wait.
            background: whether a thread writes.
        """
        self._writer = writer
        self._deliver = deliver
        self._limit = limit
        self._background = background
        self.lost = 0
        self._start()
        _outboxes.add(self)

    def start_over(self) -> None:
        """Begin anew in a forked child: the parent writes the requests that wait in it.

        Other threads of the parent may have held a lock, or been reading, when it forked.
        """
        self._start()
        self._writer.index.start_over()

    def _start(self) -> None:
        self._waiting: deque[UsageRequest] = deque()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def waiting(self) -> list[UsageRequest]:
        """Return the requests that are not on disk yet."""
        with self._changed:
            return list(self._waiting)

    def put(self, request: UsageRequest) -> tuple[bool, list[BudgetAlert]]:
        """Take a request; return whether it is on disk, and the alerts of what this call wrote."""
        alerts: list[BudgetAlert] = []
        if self._is_full():
            saved, alerts = self.flush()
            if not saved:
                self._count_loss(1)
                return False, alerts
        with self._changed:
            self._waiting.append(request)
            if self._background and not self._closed and self._has_thread():
                return False, alerts
        saved, more = self.flush()
        return saved, alerts + more

    def flush(self) -> tuple[bool, list[BudgetAlert]]:
        """Write all that waits; return whether it is on disk, and the alerts that it caused."""
        with self._writing:
            batch = self.waiting()
            if not batch:
                return True, []
            try:
                alerts = self._writer.write(batch)
            except (OSError, TokenTrackError) as error:
                _log.warning("%d requests are not on disk yet: %s", len(batch), error)
                return False, []
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()
            return True, alerts

    def close(self) -> None:
        """Write all that waits and end the thread; count as lost what can't be written."""
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

    def _has_thread(self) -> bool:
        # The caller holds the condition, so the thread can't end unseen.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="tokentrack-usage", daemon=False)
            try:
                self._thread.start()
            except RuntimeError:  # too many threads, or the interpreter is shutting down
                return False
        return True

    def _run(self) -> None:
        while True:
            saved, alerts = self.flush()
            self._deliver(alerts)
            with self._changed:
                if not saved:
                    self._changed.wait_for(lambda: self._closed, _RETRY_SECONDS)
                goes_on = saved or threading.main_thread().is_alive()
                if self._closed or not self._waiting or not goes_on:
                    self._thread = None
                    return


_outboxes: WeakSet[Outbox] = WeakSet()


def _start_over_in_child() -> None:
    for outbox in list(_outboxes):
        outbox.start_over()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_over_in_child)
