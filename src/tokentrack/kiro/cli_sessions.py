"""Interactive sessions of the CLI 2.x: `sessions/cli/<uuid>.json`, the messages in `.jsonl`.

A subagent's session has requests and credits of its own; nothing says that its parent's repeats
them, so they count.
"""

from __future__ import annotations

import os

from tokentrack.kiro import files, values
from tokentrack.kiro import scan as reasons
from tokentrack.kiro.cli_turns import metadatas_of, read_turn
from tokentrack.kiro.scan import Scan

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tokentrack.kiro.turn import Turn

_ID_CHARS = frozenset("0123456789abcdefABCDEF-")
MAX_TAIL = 512 * 1024
_MAX_PROMPTS = 32 * 1024 * 1024


def turns(folder: str, scan: Scan) -> Iterator[Turn]:
    """Yield the turns of all sessions in a folder, once each, the older sessions first.

    A copied or resumed session repeats turns of an older one, so the turns keep their own
    session. So does a rewound one, which comes after the others.
    """
    for path in _by_age(folder, scan):
        yield from _turns_of(files.read_document(path, scan), path, scan)


def _by_age(folder: str, scan: Scan) -> list[str]:
    found = []
    for path in files.regular_files(folder):
        at = files.modified_at(path)
        if is_session(path) and at and scan.is_recent(at):
            # What is wrong with the document is noted when its turns are read.
            document = files.read_document(path, Scan())
            is_rewound = document.get("session_created_reason") == "rewind"
            created = values.microseconds(document.get("created_at")) or at
            found.append((is_rewound, created, path))
    return [path for *_, path in sorted(found)]


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
    stem = path.removesuffix(".json")
    document["session_id"] = values.text(document.get("session_id")) or os.path.basename(stem)
    prompts = _prompts(f"{stem}.jsonl", scan) if metadatas else {}
    for metadata in metadatas:
        turn = read_turn(metadata, document, path, scan)
        if turn is not None and scan.accepts(turn, path):
            ids = metadata.get("message_ids")
            known = ids if isinstance(ids, list) else []
            found = [prompts.get(i, "") for i in known if isinstance(i, str)]
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


def last_turns(
    folder: str, session_id: str, limit: int, scan: Scan, max_bytes: int = MAX_TAIL
) -> list[Turn]:
    """Return at most the last `limit` turns of one session, oldest first, without prompts.

    Of a session of more than `max_bytes` only the end is read. The workspace is known only of a
    smaller one: it stands at the beginning.
    """
    path = os.path.join(folder, f"{session_id}.json")
    if not is_session(path) or os.path.dirname(session_id) or not os.path.lexists(path):
        return []
    data, whole = files.read_tail(path, max_bytes, scan)
    if not data:
        return []
    if whole:
        document = files.decode(data, path, 0, scan)
    else:
        from tokentrack.kiro.cli_tail import read_tail

        document = read_tail(data)
    document["session_id"] = session_id
    found: dict[str, Turn] = {}
    for metadata in (metadatas_of(document) or [])[-limit:]:
        turn = read_turn(metadata, document, path, scan)
        if turn is not None:
            found[turn.source_id] = turn
    return list(found.values())
