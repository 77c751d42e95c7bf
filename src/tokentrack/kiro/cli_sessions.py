"""Interactive sessions of the CLI 2.x: `sessions/cli/<uuid>.json`, the messages in `.jsonl`.

A subagent's session has requests and credits of its own; nothing says that its parent's repeats
them, so they count.
"""

from __future__ import annotations

import os

from tokentrack.kiro import files, values
from tokentrack.kiro import scan as reasons
from tokentrack.kiro.cli_turns import metadatas_of, read_turn

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tokentrack.kiro.scan import Scan
    from tokentrack.kiro.turn import Turn

_ID_CHARS = frozenset("0123456789abcdefABCDEF-")
_WHOLE, _TAIL = 512 * 1024, 512 * 1024
_MAX_PROMPTS = 32 * 1024 * 1024


def turns(folder: str, scan: Scan) -> Iterator[Turn]:
    """Yield the turns of all sessions in a folder, once each.

    A rewound session repeats turns of the one that it came from, so it comes after the others.
    """
    rewound = []
    for path in files.regular_files(folder):
        at = files.modified_at(path)
        if is_session(path) and scan.is_recent(at):
            document = files.read_document(path, scan)
            if document.get("session_created_reason") == "rewind":
                rewound.append((values.microseconds(document.get("created_at")) or at or 0, path))
            else:
                yield from _turns_of(document, path, scan)
    for _, path in sorted(rewound):
        yield from _turns_of(files.read_document(path, scan), path, scan)


def is_session(path: str) -> bool:
    """Tell whether a file is named as sessions are: nothing else in the folder is opened."""
    stem, ending = os.path.splitext(os.path.basename(path))
    return ending == ".json" and len(stem) >= 8 and _ID_CHARS.issuperset(stem)


def _turns_of(document: dict[str, Any], path: str, scan: Scan) -> Iterator[Turn]:
    metadatas = metadatas_of(document)
    if metadatas is None:
        if document:
            scan.skip(reasons.WRONG_SHAPE, path)
        return
    prompts = _prompts(path.removesuffix(".json") + ".jsonl", scan) if metadatas else {}
    for metadata in metadatas:
        turn = read_turn(metadata, document, path, scan)
        if turn is not None and scan.accepts(turn, path):
            ids = metadata.get("message_ids")
            found = [prompts.get(i, "") for i in ids if isinstance(i, str)] if ids else []
            turn.prompt = next(filter(None, found), "")
            yield turn


def _prompts(path: str, scan: Scan) -> dict[str, str]:
    # The user's texts of one session, by message id.
    prompts: dict[str, str] = {}
    size = 0
    for number, line in files.read_lines(path, scan) if os.path.lexists(path) else ():
        if b'"Prompt"' not in line or size > _MAX_PROMPTS:
            continue
        message = files.decode(line, path, number, scan)
        data = values.mapping(message.get("data"))
        if message.get("kind") == "Prompt" and values.text(data.get("message_id")):
            prompts[data["message_id"]] = values.text_of(data.get("content"))
            size += len(line)
    return prompts


def last_turns(folder: str, session_id: str, limit: int, scan: Scan) -> list[Turn]:
    """Return at most the last `limit` turns of one session, oldest first, without prompts.

    Of a session over 512 KiB only the end is read. The workspace is known only of a smaller one:
    it stands at the beginning.
    """
    path = os.path.join(folder, f"{session_id}.json")
    if not is_session(path) or os.path.dirname(session_id) or not os.path.lexists(path):
        return []
    data, whole = files.read_tail(path, _WHOLE, scan)
    if not data:
        return []
    if whole:
        document = files.decode(data, path, 0, scan)
    else:
        from tokentrack.kiro.cli_tail import read_tail

        document = read_tail(data[-_TAIL:])
    document["session_id"] = session_id
    found: dict[str, Turn] = {}
    for metadata in (metadatas_of(document) or [])[-limit:]:
        turn = read_turn(metadata, document, path, scan)
        if turn is not None:
            found[turn.source_id] = turn
    return list(found.values())
