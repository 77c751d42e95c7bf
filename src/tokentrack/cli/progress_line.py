"""A line on the terminal while the ledgers are read for more than a second."""

from __future__ import annotations

import _thread
import signal
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentrack.store.paths import LedgerPaths

_FIRST, _NEXT = 1.0, 0.2  # seconds
_WAITING = "Waiting for another process, which is reading the ledgers"


def progress_line(ledgers: Iterable[LedgerPaths]) -> ProgressLine | None:
    """Return a line that shows itself on standard error, None where that is not a terminal.

    It goes away when the index is open, at the latest when the command ends.
    """
    if not sys.stderr.isatty():
        return None
    line = ProgressLine(ledgers)
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(line.end)
    return line


class ProgressLine:
    """Shows how much of the ledgers was read.

    A thread does it, since this one can't while it waits for a lock on the index.
    """

    def __init__(self, ledgers: Iterable[LedgerPaths]) -> None:
        """Start the thread, which shows the line after a second."""
        self._ledgers = ledgers
        self._done = self._width = 0
        # Locks that are released once: one says to end, the other that the thread has ended.
        self._running, self._ended = _thread.allocate_lock(), _thread.allocate_lock()
        self._running.acquire()
        self._ended.acquire()
        self._is_over = False
        _start(self._run)

    def __call__(self, done: int | None) -> None:
        """Take the number of bytes that were read so far, None when the index is open."""
        if done is None:
            self.end()
        else:
            self._done = done

    def end(self) -> None:
        """Remove the line; a second call does nothing."""
        if not self._is_over:
            self._is_over = True
            self._running.release()
            self._ended.acquire()

    def _run(self) -> None:
        try:
            wait, total = _FIRST, 0
            while not self._running.acquire(timeout=wait):
                total = total or _bytes_of(self._ledgers)
                self._show(self._text(total))
                wait = _NEXT
            if self._width:
                self._show("")
                sys.stderr.write("\r")
                sys.stderr.flush()
        except (OSError, ValueError):
            pass  # the terminal is gone
        finally:
            self._ended.release()

    def _text(self, total: int) -> str:
        if not self._done:
            return _WAITING
        share = min(100, 100 * self._done // max(total, 1))
        return f"Reading {total / 1e6:,.0f} MB of ledgers: {share} %"

    def _show(self, text: str) -> None:
        # Overwritten, not erased, so that no terminal needs to know how.
        sys.stderr.write(f"\r{text.ljust(self._width)}")
        sys.stderr.flush()
        self._width = len(text)


def _start(run: Callable[[], None]) -> None:
    # Without signals: one that reaches this thread would not wake the other one, which has to
    # handle it.
    if not hasattr(signal, "pthread_sigmask"):
        _thread.start_new_thread(run, ())
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        _thread.start_new_thread(run, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _bytes_of(ledgers: Iterable[LedgerPaths]) -> int:
    from tokentrack.reports.index.looks import content_of_packed, looks_in

    total = 0
    for paths in ledgers:
        try:
            with paths.open_folder(create=False) as folder:
                for _, name, look in looks_in(folder, paths):
                    packed = content_of_packed(folder, name, look)
                    total += look[1] if packed is None else packed[1]
        except OSError:
            continue  # the answer names it
    return total
