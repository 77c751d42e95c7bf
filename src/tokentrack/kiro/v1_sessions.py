"""Sessions of the v1 engine (IDE 1.x, CLI V3): `sessions/<bucket>/sess_<uuid>/`.

`session.json` names the workspace, `messages.jsonl` has the turns. A subagent's spend is in its
parent's turn.
"""

from __future__ import annotations

import io
import os

from tokentrack.kiro import files, values
from tokentrack.kiro.scan import Scan
from tokentrack.kiro.v1_messages import SessionFacts, turns_of

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.kiro.turn import Turn

_MESSAGES = "messages.jsonl"
_FIRST_TAIL, MAX_TAIL = 64 * 1024, 4 * 1024 * 1024


def turns(sessions: str, scan: Scan) -> Iterator[Turn]:
    """Yield the turns of all sessions below a folder, once each, the older sessions first.

    A copied session repeats the turns of an older one, so the turns keep their own session.
    """
    for folder in _by_age(sessions, scan):
        path = os.path.join(folder, _MESSAGES)
        session = _facts(folder, scan)
        for turn in turns_of(files.read_lines(path, scan), session, scan):
            if turn.credits is not None and turn.started_at is None and turn.ended_at is None:
                # Near enough to keep its credits. Only here: no hook's turn is told by such a time.
                turn.ended_at = session.modified_at or files.modified_at(path)
            if scan.accepts(turn, path):
                yield turn


def _by_age(sessions: str, scan: Scan) -> list[str]:
    found = []
    for bucket in files.folders(sessions):
        for folder in files.folders(bucket):
            at = files.modified_at(os.path.join(folder, _MESSAGES))
            if os.path.basename(folder).startswith("sess_") and at and scan.is_recent(at):
                # What is wrong with the document is noted when its turns are read.
                document = files.read_document(os.path.join(folder, "session.json"), Scan())
                created = values.microseconds(document.get("createdAt")) or at
                # A copy's document still has the id of the original.
                is_copy = document.get("id") != os.path.basename(folder)
                found.append((created, is_copy, folder))
    return [folder for *_, folder in sorted(found)]


def find_session(sessions: str, session_id: str) -> str:
    """Return the folder of the session that a hook named, "" when there is none.

    The id comes from a payload: anything but a plain name finds nothing.
    """
    if session_id in ("", ".", "..") or any(c in session_id for c in "/\\:\0"):
        return ""
    for bucket in files.folders(sessions):
        folder = os.path.join(bucket, session_id)
        if files.is_real_folder(folder):
            return folder
    return ""


def last_turns(
    sessions: str, session_id: str, limit: int, scan: Scan, max_bytes: int = MAX_TAIL
) -> list[Turn]:
    """Return at most the last `limit` turns of one session, oldest first, from its file's end.

    At most `max_bytes` are read. A turn that began before them has its credits and its times, but
    perhaps neither model nor prompt.
    """
    folder = find_session(sessions, session_id)
    if not folder:
        return []
    session, size = _facts(folder, scan), _FIRST_TAIL
    while True:
        attempt = Scan()
        data, whole = files.read_tail(session.path, size, attempt)
        # Lines are numbered from the end here: -1 is the last.
        lines = io.BytesIO(data).readlines()[0 if whole else 1 :]
        numbered = enumerate(lines, -len(lines))
        found = {turn.source_id: turn for turn in turns_of(numbered, session, attempt)}
        if whole or len(found) > limit or size >= max_bytes:
            scan.add(attempt)
            return list(found.values())[-limit:]
        size = min(4 * size, max_bytes)


def _facts(folder: str, scan: Scan) -> SessionFacts:
    about = os.path.join(folder, "session.json")
    document = files.read_document(about, scan) if os.path.lexists(about) else {}
    paths = document.get("workspacePaths")
    workspace = values.text(paths[0]) if isinstance(paths, list) and paths else ""
    model = values.text(document.get("modelId"))
    messages = os.path.join(folder, _MESSAGES)
    facts = SessionFacts(os.path.basename(folder), workspace, model, messages)
    facts.modified_at = values.microseconds(document.get("lastModifiedAt"))
    return facts
