"""Sessions of the v1 engine (IDE 1.x, CLI V3): `sessions/<bucket>/sess_<uuid>/`.

`session.json` names the workspace, `messages.jsonl` has the turns. What a subagent spends is
included in its parent's turn.
"""

from __future__ import annotations

import io
import os

from tokentrack.kiro import kiro_files, read_pass, values
from tokentrack.kiro.read_pass import ReadPass
from tokentrack.kiro.turn import ABORTED, LONGEST_TURN, V1_SESSION, Turn

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_MESSAGES = "messages.jsonl"
_FIRST_TAIL, MAX_TAIL = 64 * 1024, 4 * 1024 * 1024
# How many turns can be open at once: a late line still finds its turn among the last few.
_MAX_OPEN = 8


def turns(sessions: str, reading: ReadPass) -> Iterator[Turn]:
    """Yield the turns of all sessions below a folder, once each, the older sessions first.

    A copied session repeats turns of an older one; that order assigns them to the original.
    """
    for folder in _by_age(sessions, reading):
        path = os.path.join(folder, _MESSAGES)
        session = _read_session(folder, reading)
        for turn in _turns_of(kiro_files.read_lines(path, reading), session, reading):
            if turn.credits is not None and turn.started_at is None and turn.ended_at is None:
                # Close enough to keep the credits of imported history. `last_turns` does not do
                # this: such a time must not match a turn to a hook's execution.
                turn.ended_at = session.modified_at or kiro_files.modified_at(path)
            if reading.accepts(turn, path):
                yield turn


def last_turns(
    sessions: str, session_id: str, limit: int, reading: ReadPass, max_bytes: int = MAX_TAIL
) -> list[Turn]:
    """Return at most the last `limit` turns of one session, oldest first.

    At most `max_bytes` from the end of its file are read. A turn that began before them has its
    credits and times, but perhaps neither model nor prompt.
    """
    folder = _find_session(sessions, session_id)
    if not folder:
        return []
    session, size = _read_session(folder, reading), _FIRST_TAIL
    while True:
        attempt = ReadPass()
        data, is_whole = kiro_files.read_tail(session.path, size, attempt)
        # Lines are numbered from the end here: -1 is the last.
        lines = io.BytesIO(data).readlines()[0 if is_whole else 1 :]
        numbered = enumerate(lines, -len(lines))
        found = {turn.source_id: turn for turn in _turns_of(numbered, session, attempt)}
        if is_whole or len(found) > limit or size >= max_bytes:
            reading.add(attempt)
            return list(found.values())[-limit:]
        size = min(4 * size, max_bytes)


def _by_age(sessions: str, reading: ReadPass) -> list[str]:
    found = []
    for bucket in kiro_files.folders(sessions):
        for folder in kiro_files.folders(bucket):
            at = kiro_files.modified_at(os.path.join(folder, _MESSAGES))
            if os.path.basename(folder).startswith("sess_") and at and reading.is_recent(at):
                about = os.path.join(folder, "session.json")
                # Problems of the document are noted later, by `_read_session`.
                document = kiro_files.read_document(about, ReadPass())
                created = values.microseconds(document.get("createdAt")) or at
                # The document of a copy still has the id of the original.
                is_copy = document.get("id") != os.path.basename(folder)
                found.append((created, is_copy, folder))
    return [folder for *_, folder in sorted(found)]


def _find_session(sessions: str, session_id: str) -> str:
    # The folder of a session, "" if there is none. The id comes from a payload, so it may be
    # anything; only a plain file name is looked for.
    if session_id in ("", ".", "..") or any(c in session_id for c in "/\\:\0"):
        return ""
    for bucket in kiro_files.folders(sessions):
        folder = os.path.join(bucket, session_id)
        if kiro_files.is_real_folder(folder):
            return folder
    return ""


class _Session:
    # What a session says about all its turns. `path` is the file of the messages, `model` the
    # user's selection, `modified_at` is in microseconds since the epoch.

    __slots__ = ("model", "modified_at", "path", "session_id", "workspace")

    def __init__(self, folder: str, document: dict[str, Any]) -> None:
        workspaces = document.get("workspacePaths")
        first = workspaces[0] if isinstance(workspaces, list) and workspaces else ""
        self.session_id = os.path.basename(folder)
        self.workspace = values.text(first)
        self.model = values.text(document.get("modelId"))
        self.modified_at = values.microseconds(document.get("lastModifiedAt"))
        self.path = os.path.join(folder, _MESSAGES)


def _read_session(folder: str, reading: ReadPass) -> _Session:
    about = os.path.join(folder, "session.json")
    document = kiro_files.read_document(about, reading) if os.path.lexists(about) else {}
    return _Session(folder, document)


def _turns_of(
    lines: Iterable[tuple[int, bytes]], session: _Session, reading: ReadPass
) -> Iterator[Turn]:
    # The turns of a session's numbered lines, in the order of their first lines. A turn is
    # yielded again where a line of it comes long after the others.
    messages = _Messages(session, reading)
    for number, line in lines:
        # Most lines of a session are results of tools. In a JSON text each quote has a backslash
        # before it, so a mark is always a whole value or key, never a part of a text.
        for mark in _MARKS:
            if mark in line:
                break
        else:
            if line.endswith(b"\n"):
                continue
        try:
            messages.take(kiro_files.decode(line, session.path, number, reading), number)
        except read_pass.SHAPE_ERRORS:
            reading.skip(read_pass.WRONG_SHAPE, session.path, number)
        if len(messages.drafts) > _MAX_OPEN:
            yield messages.take_oldest()
    yield from messages.take_rest()


class _Messages:
    # Turns some messages of which have been read, and which later messages may complete.
    # `drafts` has them by execution id, in the order of their first lines.

    def __init__(self, session: _Session, reading: ReadPass) -> None:
        self.drafts: dict[str, Turn] = {}
        self._session = session
        self._reading = reading
        self._current: Turn | None = None
        self._prompt = ""
        self._line = 0

    def take(self, message: dict[str, Any], line: int) -> None:
        payload = values.mapping(message.get("payload"))
        kind = values.text(payload.get("type"))
        self._line = line
        if kind in _OF_SESSION:
            _OF_SESSION[kind](self, payload, message.get("timestamp"))
        elif kind in _OF_TURN:
            key = values.text(payload.get("executionId"))
            if key:
                _OF_TURN[kind](self, key, payload, message.get("timestamp"))
            else:
                self._reading.skip(read_pass.WRONG_SHAPE, self._session.path, line)

    def take_oldest(self) -> Turn:
        # The current turn stays, however many others ran alongside it.
        key = next(key for key, turn in self.drafts.items() if turn is not self._current)
        return self._finished(self.drafts.pop(key))

    def take_rest(self) -> list[Turn]:
        return [self._finished(turn) for turn in self.drafts.values()]

    def _finished(self, turn: Turn) -> Turn:
        turn.model = turn.model or self._session.model
        return turn

    def _draft(self, key: str) -> Turn:
        if key not in self.drafts:
            self.drafts[key] = self._begin(key)
        return self.drafts[key]

    def _begin(self, key: str) -> Turn:
        current = self._current
        if current is not None and current.source_id == key:
            return current
        turn = Turn(V1_SESSION, key, self._session.session_id, self._session.workspace)
        turn.execution_id = key
        if current is None or current.ended_at is not None:
            self._current = turn
        return turn

    def _start(self, key: str, payload: dict[str, Any], stamp: Any) -> None:
        del payload
        turn, before = self._draft(key), self._current
        if before is not None and before is not turn and before.ended_at is None:
            before.status = before.status or ABORTED
        self._current = turn
        turn.started_at = turn.started_at or values.microseconds(stamp)
        turn.prompt, self._prompt = turn.prompt or self._prompt, ""

    def _usage(self, key: str, payload: dict[str, Any], stamp: Any) -> None:
        turn = self._draft(key)
        found, refused = values.credit_sum(payload.get("promptTurnSummaries"), "usage")
        self._reading.skip(read_pass.REFUSED_NUMBER, self._session.path, self._line, refused)
        turn.credits = found if found is not None else turn.credits
        turn.status = values.status(payload.get("status")) or turn.status
        _take_tokens(turn, payload)
        if isinstance(payload.get("requestIds"), list):
            turn.request_count = len(payload["requestIds"])
        at = values.microseconds(stamp)
        turn.ended_at = turn.ended_at or at
        elapsed = values.milliseconds(payload.get("elapsedTime"))
        if turn.started_at is None and at is not None and elapsed is not None:
            turn.started_at = at - elapsed if elapsed <= LONGEST_TURN else None

    def _assistant(self, key: str, payload: dict[str, Any], stamp: Any) -> None:
        # A message alone does not make a turn: it can be a subagent's, whose spend is in its
        # parent's turn. So it is not added to the drafts.
        del stamp
        turn = self.drafts.get(key) or self._begin(key)
        turn.model = values.text(payload.get("reasoningModelId")) or turn.model

    def _user(self, payload: dict[str, Any], stamp: Any) -> None:
        del stamp
        prompt = values.text_of(payload.get("content", payload.get("text")))
        current = self._current
        # The current turn may be a subagent's, which is not a draft: the user did not prompt it.
        if (
            current is not None
            and current.source_id in self.drafts
            and not (current.ended_at or current.prompt)
        ):
            current.prompt = prompt
        else:
            self._prompt = prompt

    def _metadata(self, payload: dict[str, Any], stamp: Any) -> None:
        del stamp
        if payload.get("key") == "contextUsage" and self._current is not None:
            share = values.percent(values.mapping(payload.get("value")).get("usagePercentage"))
            self._current.context_percent = share or self._current.context_percent

    def _end(self, payload: dict[str, Any], stamp: Any) -> None:
        turn = self.drafts.get(values.text(payload.get("executionId"))) or self._current
        if turn is not None:
            turn.ended_at = values.microseconds(stamp) or turn.ended_at
            turn.status = turn.status or values.status(payload.get("stopReason"))


def _take_tokens(turn: Turn, payload: dict[str, Any]) -> None:
    # No released build writes tokens. If one does, they are taken as reported.
    usage = {**payload, **values.mapping(payload.get("usage"))}
    turn.input_tokens = values.tokens(usage.get("inputTokens")) or turn.input_tokens
    turn.output_tokens = values.tokens(usage.get("outputTokens")) or turn.output_tokens
    turn.cached_tokens = values.tokens(usage.get("cacheReadInputTokens")) or turn.cached_tokens


# ruff: noqa: SLF001  (tables of this module's own class)
_OF_TURN: dict[str, Callable[[_Messages, str, dict[str, Any], Any], None]] = {
    "turn_start": _Messages._start,
    "usage_summary": _Messages._usage,
    "assistant": _Messages._assistant,
}
_OF_SESSION: dict[str, Callable[[_Messages, dict[str, Any], Any], None]] = {
    "user": _Messages._user,
    "session_metadata": _Messages._metadata,
    "turn_end": _Messages._end,
}
_MARKS = tuple([f'"{kind}"'.encode() for kind in (*_OF_TURN, *_OF_SESSION)])
