"""Executions of IDE 0.x in VS Code's storage: `globalStorage/kiro.kiroagent/<workspace>/`.

Since 2026-02 each is `<session>/<execution>`, a file without an extension, with real credits.
Before that it was `<execution>.chat`, with models and times but no usage. Nothing else in the
storage is opened.
"""

from __future__ import annotations

import os
import stat

from tokentrack.kiro import kiro_files, read_pass, values
from tokentrack.kiro.turn import IDE_STORAGE, Turn

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tokentrack.kiro.read_pass import ReadPass

    Fill = Callable[[Turn, dict[str, Any], str, ReadPass], None]
    # When a file or folder was last written (microseconds since the epoch), its size, its path.
    Entry = tuple[int, int, str]

_HEX = frozenset("0123456789abcdef")


def turns(
    storage: str, reading: ReadPass, workspaces: Mapping[str, str] | None = None
) -> Iterator[Turn]:
    """Yield the executions in a storage folder, once each.

    The storage names a workspace by 32 hexadecimal digits; `workspaces` (see `ide_workspaces`)
    maps them to paths. Without an entry there, the turn's workspace is unknown.
    """
    for folder in workspace_folders(storage):
        workspace = (workspaces or {}).get(os.path.basename(folder), "")
        for path, fill in _files_of(folder):
            if not reading.is_recent(kiro_files.modified_at(path)):
                continue
            turn = _read(path, workspace, reading, fill, kiro_files.MAX_DOCUMENT)
            if turn is not None and reading.accepts(turn, path):
                yield turn


def workspace_folders(storage: str) -> list[str]:
    """Return the paths of the workspaces' folders in a storage."""
    named = [(path, os.path.basename(path)) for path in kiro_files.folders(storage)]
    return [path for path, name in named if len(name) == 32 and _HEX.issuperset(name)]


def _files_of(folder: str) -> Iterator[tuple[str, Fill]]:
    # The format with credits first: of an execution that is in both, that one is taken.
    for session in kiro_files.folders(folder):
        for path in kiro_files.regular_files(session):
            if _is_execution(path):
                yield path, _fill_from_execution
    for path in kiro_files.regular_files(folder):
        if path.endswith(".chat"):
            yield path, _fill_from_chat


def _is_execution(path: str) -> bool:
    # Whether a file in a session's folder is named as executions are.
    return "." not in os.path.basename(path)


def _read(path: str, workspace: str, reading: ReadPass, fill: Fill, limit: int) -> Turn | None:
    # The turn of a file of at most `limit` bytes; None, with a note, if it has none.
    document = kiro_files.read_document(path, reading, limit)
    key = values.text(document.get("executionId"))
    if key:
        turn = Turn(IDE_STORAGE, key, workspace=workspace)
        turn.execution_id = key
        try:
            fill(turn, document, path, reading)
        except read_pass.SHAPE_ERRORS:
            reading.skip(read_pass.WRONG_SHAPE, path)
            return None
        return turn
    if document:
        reading.skip(read_pass.WRONG_SHAPE, path)
    return None


def _fill_from_execution(
    turn: Turn, document: dict[str, Any], path: str, reading: ReadPass
) -> None:
    turn.session_id = values.text(document.get("chatSessionId"))
    turn.credits, refused = values.credit_sum(document.get("usageSummary"), "usage")
    reading.skip(read_pass.REFUSED_NUMBER, path, count=refused)
    turn.status = values.status(document.get("status"))
    turn.started_at = values.microseconds(document.get("startTime"))
    turn.ended_at = values.microseconds(document.get("endTime"))
    turn.model = values.text(document.get("modelId"))
    messages = values.mapping(document.get("context")).get("messages")
    turn.prompt = _last_text(values.objects(messages), ("human", "user"))


def _fill_from_chat(turn: Turn, document: dict[str, Any], path: str, reading: ReadPass) -> None:
    del path, reading
    metadata = values.mapping(document.get("metadata"))
    turn.model = values.text(metadata.get("modelId"))
    turn.started_at = values.microseconds(metadata.get("startTime"))
    turn.ended_at = values.microseconds(metadata.get("endTime"))
    turn.prompt = _last_text(values.objects(document.get("chat")), ("human",))


def _last_text(messages: list[dict[str, Any]], roles: tuple[str, ...]) -> str:
    # The last, because the first messages of a chat are Kiro's own instructions.
    found = [values.text_of(m.get("content")) for m in messages if m.get("role") in roles]
    return next(filter(None, reversed(found)), "")


class Limits:
    """How much a search may take: entries of folders, files to open, bytes to read."""

    __slots__ = ("entries", "files", "size")

    def __init__(self, entries: int, files: int, size: int) -> None:
        self.entries = entries
        self.files = files
        self.size = size


# 500 entries, or 256 KiB of JSON, take about half of the hook's 5 ms.
FOR_A_HOOK = Limits(500, 4, 256 * 1024)
FOR_A_COMMAND = Limits(1_000_000, 32, 1024 * 1024 * 1024)


class RecentExecutions:
    """The executions of a storage in one pass, which lists each folder and reads each file once."""

    def __init__(self, limits: Limits, reading: ReadPass) -> None:
        self._limits = limits
        self._reading = reading
        self._lists: dict[str, list[Entry | None]] = {}
        self._turns: dict[str, Turn | None] = {}

    def around(
        self, folders: tuple[str, ...], at: int, written: tuple[int, int], created: int
    ) -> tuple[list[Turn], bool]:
        """Return the executions in some workspaces' folders, and whether these are all.

        The files written closest to `at` are read first, until a limit is reached. The turns'
        workspaces are not set. All times are in microseconds since the epoch.

        Args:
            folders: the workspaces' folders; none may be a link.
            at: the time that the execution should be close to.
            written: the earliest and latest time at which a file to open was last written.
            created: session folders in which nothing was created since this time are left out.
        """
        listed, is_whole = self._list_executions(folders, created)
        wanted = [entry for entry in listed if written[0] <= entry[0] <= written[1]]
        wanted.sort(key=lambda entry: abs(entry[0] - at))
        is_whole = is_whole and len(wanted) <= self._limits.files
        found: list[Turn] = []
        left = self._limits.size
        for _, size, path in wanted[: self._limits.files]:
            if path not in self._turns:
                if size > min(left, kiro_files.MAX_DOCUMENT):
                    is_whole = False
                    continue
                left -= size
                self._turns[path] = _read(path, "", self._reading, _fill_from_execution, size)
            turn = self._turns[path]
            if turn is not None:
                found.append(turn)
        return found, is_whole

    def _list_executions(self, folders: tuple[str, ...], created: int) -> tuple[list[Entry], bool]:
        found: list[Entry] = []
        looked_at = 0
        for folder in folders:
            for session in self._list(folder, _is_session):
                looked_at += 1
                is_recent = session is not None and session[0] >= created
                inner = self._list(session[2], _is_execution_file) if session and is_recent else []
                left = max(0, self._limits.entries - looked_at)
                found += [entry for entry in inner[:left] if entry is not None]
                looked_at += len(inner)
                if looked_at > self._limits.entries:
                    return found, False
        return found, True

    def _list(self, folder: str, is_wanted: Callable[[str, int], bool]) -> list[Entry | None]:
        # One element for each entry of the folder, None for an unwanted one. Listing stops at one
        # element more than the limit, by which the caller sees that there are more.
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


def _is_execution_file(path: str, mode: int) -> bool:
    return stat.S_ISREG(mode) and _is_execution(path)


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield entry.path, entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    pass  # it vanished
    except OSError:
        return  # the folder can't be listed
