"""Which files of a ledger have to be read, and from where on."""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack

from tokentrack.common.oserrors import sentence_of
from tokentrack.common.records import NamedTuple
from tokentrack.reports.index.looks import is_settled
from tokentrack.reports.index.segments import (
    File,
    Look,
    Segment,
    begins_with,
    files_in,
    is_packed_copy,
)
from tokentrack.store.archives import open_in

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from typing import BinaryIO, Self

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

_ATTEMPTS = 20


class MustRebuildError(Exception):
    """The files can't be followed; the text says why."""


class FileToRead(NamedTuple):
    """A file that differs from what is known of it.

    `stream` is open at the end of what was read before; without one there is nothing to read.
    `header` is its first line, where something was read before.
    """

    file: File
    look: Look
    is_settled: bool
    segment: Segment | None
    stream: BinaryIO | None
    header: bytes = b""
    problem: str = ""


class LedgerFiles:
    """The files of one ledger, compared with what the index knows of it; open while in use."""

    def __init__(self, paths: LedgerPaths, known: dict[File, Segment]) -> None:
        """Name the ledger and its segments."""
        self._paths = paths
        self._known = known
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def to_read(self) -> list[FileToRead]:
        """Open the files that have to be read, as of one moment, the oldest first.

        Raises:
            MustRebuildError: something that was read is no longer there.
            OSError: the files kept changing while they were opened.
        """
        try:
            folder = self._opened.enter_context(self._paths.open_folder(create=False))
        except OSError as error:
            # The answer names it.
            if self._known:
                raise MustRebuildError(f"a ledger is gone ({error.strerror})") from None
            return []
        for _ in range(_ATTEMPTS):
            now = time.time_ns()
            looks = files_in(folder, self._paths)
            with ExitStack() as opened:
                comparison = _Comparison(folder, looks, self._known, now, opened)
                found = comparison.run()
                if _inodes(files_in(folder, self._paths)) == _inodes(looks):
                    self._opened.push(opened.pop_all())
                    return found
        raise OSError(errno.EAGAIN, "its files kept changing; try again", self._paths.path)


class _Comparison:
    def __init__(
        self,
        folder: Directory,
        looks: dict[File, Look],
        known: dict[File, Segment],
        now: int,
        opened: ExitStack,
    ) -> None:
        self._folder = folder
        self._looks = looks
        self._known = known
        self._left = dict(known)
        self._now = now
        self._opened = opened

    def run(self) -> list[FileToRead]:
        found = {}
        unchanged = {file for file, look in self._looks.items() if self._is_unchanged(file, look)}
        for file in unchanged:
            del self._left[file]
        for file in [file for file in self._looks if file in self._left]:
            if grown := self._continued(file, file):
                found[file] = grown
        for file in self._looks:
            if file not in unchanged and file not in found:
                found[file] = self._moved(file) or self._new(file)
        if self._left:
            raise MustRebuildError(f"{next(iter(self._left)).name} is not what it was")
        self._check_order(found)
        return [found[file] for file in self._looks if file in found]

    def _is_unchanged(self, file: File, look: Look) -> bool:
        segment = self._known.get(file)
        return segment is not None and is_unchanged(segment, look)

    def _continued(self, file: File, old: File) -> FileToRead | None:
        # The file if it begins with what was read under its own or another name.
        segment = self._left[old]
        look = self._looks[file]
        if segment.problem or (segment.is_open and look.size != segment.look.size):
            return None
        try:
            stream = self._opened.enter_context(open_in(self._folder, file.name))
            header = begins_with(stream, segment)
        except OSError:
            return None
        if header is None:
            return None
        del self._left[old]
        return FileToRead(file, look, is_settled(look, self._now), segment, stream, header)

    def _moved(self, file: File) -> FileToRead | None:
        look = self._looks[file]
        for old in [old for old in self._left if old.is_usage == file.is_usage]:
            segment = self._left[old]
            if is_packed_copy(file, look, self._folder, segment):
                del self._left[old]
                return FileToRead(file, look, is_settled(look, self._now), segment, None)
            if found := self._continued(file, old):
                return found
        return None

    def _new(self, file: File) -> FileToRead:
        look = self._looks[file]
        try:
            stream = self._opened.enter_context(open_in(self._folder, file.name))
        except OSError as error:
            error.filename = os.path.join(self._folder.path, file.name)
            problem = sentence_of(error)
            return FileToRead(file, look, is_settled(look, self._now), None, None, problem=problem)
        return FileToRead(file, look, is_settled(look, self._now), None, stream)

    def _check_order(self, found: dict[File, FileToRead]) -> None:
        # Places decide between rows of one time, so they must be in the order of the files.
        for is_usage in (False, True):
            last = 0
            for file in [file for file in self._looks if file.is_usage == is_usage]:
                segment = found[file].segment if file in found else self._known[file]
                number = 2**60 if segment is None else segment.n
                if number < last:
                    raise MustRebuildError(f"{file.name} came in between")
                last = number


def is_unchanged(segment: Segment, look: Look) -> bool:
    """Tell whether a file needs no look into it."""
    return segment.is_trusted and segment.look == look


def _inodes(looks: dict[File, Look]) -> dict[File, int]:
    return {file: look.inode for file, look in looks.items()}
