"""Writers with one deliberate flaw each, which the tests of the real writer must catch."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

from tokentrack.recorder.recorder import Recorder
from tokentrack.store import codec
from tokentrack.store.ledger import LockedLedger
from tokentrack.tracker import TokenTracker


class NoTailCheck(LockedLedger):
    """Appends under the lock, but joins its row to whatever a crash left at the end."""

    def remove_torn_line(self, name, _columns):
        there = name in self.folder.names()
        return self.folder.status(name).st_size if there else 0

    def _append(self, name, columns, lines, *, durable):
        descriptor = self.folder.open_file(name, os.O_RDWR | os.O_APPEND | os.O_CREAT)
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

    def _lock(self, seconds):
        held = super()._lock(seconds)
        if held is None:
            return None
        return self.flaw(held.paths, held.folder, held.state, held._lock)


class FlawedTracker(TokenTracker):
    recorder = FlawedRecorder

    def __init__(self, config, *, paths, environ):
        super().__init__(config, paths=paths, environ=environ)
        self._recorder = self.recorder(self.paths, self.config, self._environ)


class InHalvesRecorder(FlawedRecorder):
    flaw = InHalves


class InHalvesTracker(FlawedTracker):
    recorder = InHalvesRecorder


def unlocked_append(path, line: bytes) -> None:
    """Append in two writes, as a buffered file does with a large row; the lock is the caller's."""
    with open(path, "ab", buffering=0) as file:
        file.write(line[: len(line) // 2])
        file.write(line[len(line) // 2 :])


# --- rewrites, of a workspace's files: what the replay of crash states must catch ---


def rewrite_in_place(root: str) -> None:
    """Take a row out of the ledger by writing the others over it."""
    path = Path(root, ".kiro", "token_transactions.csv")
    kept = _without(path.read_bytes(), b",e0,")
    with path.open("wb") as file:
        file.write(kept)
        file.flush()
        os.fsync(file.fileno())


def rewrite_unsynced(root: str) -> None:
    """The same by a temporary file, which is renamed before it is on the disk."""
    path = Path(root, ".kiro", "token_transactions.csv")
    temporary = path.with_name(f"{path.name}.0123456789ab.tmp")
    temporary.write_bytes(_without(path.read_bytes(), b",e0,"))
    temporary.replace(path)


def compress_unsynced(root: str) -> None:
    """Compress the archives and remove the plain ones before the others are on the disk."""
    for path in Path(root, ".kiro").glob("token_*_????????.csv"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def write_unseen(root: str) -> None:
    """Write in a way that a look at the calls of `os` does not see."""
    subprocess.run(["sh", "-c", "echo >> .kiro/token_transactions.csv"], cwd=root, check=True)


def _without(data: bytes, mark: bytes) -> bytes:
    return b"".join(line for line in data.splitlines(keepends=True) if mark not in line)
