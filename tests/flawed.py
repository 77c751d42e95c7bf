"""Writers with one deliberate flaw each: what a test of the sound one must be able to catch."""

from __future__ import annotations

import os

from tokentrack.recorder import Recorder
from tokentrack.store import codec
from tokentrack.store.ledger import HeldLedger
from tokentrack.tracker import TokenTracker


class NoTailCheck(HeldLedger):
    """Appends under the lock, but joins its row to whatever a crash left at the end."""

    def mend(self, name, _columns):
        there = name in self._folder.names()
        return self._folder.status(name).st_size if there else 0

    def _append(self, name, columns, lines, *, durable):
        descriptor = self._folder.open_file(name, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            new = os.fstat(descriptor).st_size == 0
            header = [codec.encode_line(list(columns))] if new else []
            os.write(descriptor, b"".join([*header, *lines]))
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


class InHalves(NoTailCheck):
    """The same with two writes, so that a kill between two lines of Python tears a row."""

    def _append(self, name, columns, lines, *, durable):
        half = len(lines[-1]) // 2
        super()._append(name, columns, [*lines[:-1], lines[-1][:half]], durable=durable)
        super()._append(name, columns, [lines[-1][half:]], durable=durable)


class FlawedRecorder(Recorder):
    flaw = NoTailCheck

    def _hold(self, seconds):
        held = super()._hold(seconds)
        if held is None:
            return None
        return self.flaw(held.place, held._folder, held.state, held._lock)


class FlawedTracker(TokenTracker):
    recorder = FlawedRecorder

    def __init__(self, config, *, place, environ):
        super().__init__(config, place=place, environ=environ)
        self._recorder = self.recorder(self.place, self.config, self._environ)


class InHalvesRecorder(FlawedRecorder):
    flaw = InHalves


class InHalvesTracker(FlawedTracker):
    recorder = InHalvesRecorder


def unlocked_append(path, line: bytes) -> None:
    """Append in two writes, as a buffered file does with a large row; the lock is the caller's."""
    with open(path, "ab", buffering=0) as file:
        file.write(line[: len(line) // 2])
        file.write(line[len(line) // 2 :])
