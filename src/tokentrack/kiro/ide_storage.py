"""Executions of IDE 0.x in VS Code's storage: `globalStorage/kiro.kiroagent/<workspace>/`.

Since 2026-02 `<session>/<execution>`, a file without an ending, with real credits; before that
`<execution>.chat`, with models and times but no usage. Nothing else in the storage is opened.
"""

from __future__ import annotations

import os

from tokentrack.kiro import files, values
from tokentrack.kiro import scan as reasons
from tokentrack.kiro.turn import IDE_STORAGE, Turn

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tokentrack.kiro.scan import Scan

    Fill = Callable[[Turn, dict[str, Any], str, Scan], None]

_HEX = frozenset("0123456789abcdef")


def turns(storage: str, scan: Scan, workspaces: Mapping[str, str] | None = None) -> Iterator[Turn]:
    """Yield the executions in a storage folder, once each.

    The storage names a workspace by 32 hexadecimal digits; `workspaces` (see `ide_workspaces`)
    maps them to paths, and without an entry the turn's workspace is unknown.
    """
    for folder in workspace_folders(storage):
        workspace = (workspaces or {}).get(os.path.basename(folder), "")
        for turn, path in _turns_of(folder, workspace, scan):
            if scan.accepts(turn, path):
                yield turn


def workspace_folders(storage: str) -> list[str]:
    """Return the paths of the workspaces' folders in a storage."""
    named = [(path, os.path.basename(path)) for path in files.folders(storage)]
    return [path for path, name in named if len(name) == 32 and _HEX.issuperset(name)]


def read_execution(path: str, workspace: str, scan: Scan, limit: int) -> Turn | None:
    """Return the turn of a file of at most `limit` bytes; None, with a note, if it is none."""
    return _read(path, workspace, scan, _of_execution, limit)


def _turns_of(folder: str, workspace: str, scan: Scan) -> Iterator[tuple[Turn, str]]:
    for path, fill in _files_of(folder):
        if scan.is_recent(files.modified_at(path)):
            turn = _read(path, workspace, scan, fill, files.MAX_DOCUMENT)
            if turn is not None:
                yield turn, path


def _files_of(folder: str) -> Iterator[tuple[str, Fill]]:
    # The format with credits first: an execution in both is not taken without them.
    for session in files.folders(folder):
        for path in files.regular_files(session):
            if is_execution(os.path.basename(path)):
                yield path, _of_execution
    for path in files.regular_files(folder):
        if path.endswith(".chat"):
            yield path, _of_chat


def is_execution(name: str) -> bool:
    """Tell whether a file in a session's folder is named as executions are."""
    return "." not in name


def _read(path: str, workspace: str, scan: Scan, fill: Fill, limit: int) -> Turn | None:
    document = files.read_document(path, scan, limit)
    key = values.text(document.get("executionId"))
    if key:
        turn = Turn(IDE_STORAGE, key, workspace=workspace)
        turn.execution_id = key
        try:
            fill(turn, document, path, scan)
        except reasons.UNFORESEEN:
            scan.skip(reasons.WRONG_SHAPE, path)
            return None
        return turn
    if document:
        scan.skip(reasons.WRONG_SHAPE, path)
    return None


def _of_execution(turn: Turn, document: dict[str, Any], path: str, scan: Scan) -> None:
    turn.session_id = values.text(document.get("chatSessionId"))
    turn.credits, refused = values.credit_sum(document.get("usageSummary"), "usage")
    for _ in range(refused):
        scan.skip(reasons.REFUSED_NUMBER, path)
    turn.status = values.status(document.get("status"))
    turn.started_at = values.microseconds(document.get("startTime"))
    turn.ended_at = values.microseconds(document.get("endTime"))
    turn.model = values.text(document.get("modelId"))
    messages = values.mapping(document.get("context")).get("messages")
    turn.prompt = _last_of(values.objects(messages), ("human", "user"))


def _of_chat(turn: Turn, document: dict[str, Any], path: str, scan: Scan) -> None:
    del path, scan
    metadata = values.mapping(document.get("metadata"))
    turn.model = values.text(metadata.get("modelId"))
    turn.started_at = values.microseconds(metadata.get("startTime"))
    turn.ended_at = values.microseconds(metadata.get("endTime"))
    turn.prompt = _last_of(values.objects(document.get("chat")), ("human",))


def _last_of(messages: list[dict[str, Any]], roles: tuple[str, ...]) -> str:
    # The first messages of a chat are Kiro's own instructions.
    found = [values.text_of(m.get("content")) for m in messages if m.get("role") in roles]
    return next(filter(None, reversed(found)), "")
