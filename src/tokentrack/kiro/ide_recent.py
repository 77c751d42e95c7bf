"""The executions that IDE 0.x wrote around one time, without opening all the others."""

from __future__ import annotations

import os
import stat

from tokentrack.kiro import files
from tokentrack.kiro.ide_storage import is_execution, read_execution

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokentrack.kiro.scan import Scan
    from tokentrack.kiro.turn import Turn

    # When a file was last written (microseconds since the epoch), its size, its path.
    Entry = tuple[int, int, str]


class Limits:
    """How much one look may take: entries of folders, files to open, bytes to read."""

    __slots__ = ("entries", "files", "size")

    def __init__(self, entries: int, files: int, size: int) -> None:
        """Keep all three."""
        self.entries = entries
        self.files = files
        self.size = size


# 500 entries, or 256 KiB of JSON, take about half of the hook's 5 ms.
FOR_A_HOOK = Limits(500, 4, 256 * 1024)
FOR_A_COMMAND = Limits(1_000_000, 32, 1024 * 1024 * 1024)


class RecentExecutions:
    """One pass over a storage, which lists each folder and reads each execution once."""

    def __init__(self, limits: Limits, scan: Scan) -> None:
        """Begin with nothing read."""
        self._limits = limits
        self._scan = scan
        self._lists: dict[str, list[Entry | None]] = {}
        self._turns: dict[str, Turn | None] = {}

    def around(
        self, folders: tuple[str, ...], at: int, written: tuple[int, int], created: int
    ) -> tuple[list[Turn], bool]:
        """Return executions of workspaces' folders, without a workspace; and whether all.

        The files that were written closest to a time go first, as far as the limits allow.

        Args:
            folders: the workspaces' folders, which are no links.
            at: the time, in microseconds since the epoch.
            written: only files that were last written between these two are opened.
            created: a session's folder in which nothing was created since is left out.
        """
        listed, is_whole = self._executions(folders, created)
        wanted = [entry for entry in listed if written[0] <= entry[0] <= written[1]]
        wanted.sort(key=lambda entry: abs(entry[0] - at))
        is_whole = is_whole and len(wanted) <= self._limits.files
        found: list[Turn] = []
        left = self._limits.size
        for _, size, path in wanted[: self._limits.files]:
            if path not in self._turns:
                if size > min(left, files.MAX_DOCUMENT):
                    is_whole = False
                    continue
                left -= size
                self._turns[path] = read_execution(path, "", self._scan, size)
            turn = self._turns[path]
            if turn is not None:
                found.append(turn)
        return found, is_whole

    def _executions(self, folders: tuple[str, ...], created: int) -> tuple[list[Entry], bool]:
        found: list[Entry] = []
        looked_at = 0
        for folder in folders:
            for session in self._listed(folder, _is_session):
                looked_at += 1
                is_recent = session is not None and session[0] >= created
                inner = self._listed(session[2], _is_file) if session and is_recent else []
                left = max(0, self._limits.entries - looked_at)
                found += [entry for entry in inner[:left] if entry is not None]
                looked_at += len(inner)
                if looked_at > self._limits.entries:
                    return found, False
        return found, True

    def _listed(self, folder: str, is_wanted: Callable[[str, int], bool]) -> list[Entry | None]:
        # Something for each entry, None for an unwanted one; one beyond the limit tells of it.
        if folder not in self._lists:
            found = self._lists[folder] = []
            for path, status in _entries(folder):
                entry = (status.st_mtime_ns // 1000, status.st_size, path)
                found.append(entry if is_wanted(path, status.st_mode) else None)
                if len(found) > self._limits.entries:
                    break
        return self._lists[folder]


def _is_session(_path: str, mode: int) -> bool:
    return stat.S_ISDIR(mode)


def _is_file(path: str, mode: int) -> bool:
    return stat.S_ISREG(mode) and is_execution(os.path.basename(path))


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield entry.path, entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    pass  # it vanished
    except OSError:
        return  # it can't be listed
