"""Interactive sessions of the CLI 2.x: `sessions/cli/<uuid>.json`, the messages in `.jsonl`.

A subagent has a session with requests and credits of its own. Nothing suggests that its parent's
session repeats them, so both are counted.
"""

from __future__ import annotations

import os

from tokentrack.common.fastjson import raw_decode
from tokentrack.kiro import kiro_files, read_pass, values
from tokentrack.kiro.read_pass import ReadPass
from tokentrack.kiro.turn import CLI_SESSION, ERROR, LONGEST_TURN, SUCCESS, Turn

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_SECOND = 1_000_000
_NANOSECONDS = 1000  # in a microsecond
_ID_CHARS = frozenset("0123456789abcdefABCDEF-")
MAX_TAIL = 512 * 1024
_MAX_PROMPTS = 32 * 1024 * 1024


def turns(folder: str, reading: ReadPass) -> Iterator[Turn]:
    """Yield the turns of all sessions in a folder, once each, the older sessions first.

    A copied or resumed session repeats turns of an older one; that order assigns them to the
    original. A rewound session repeats them too, and comes last.
    """
    for path in _by_age(folder, reading):
        yield from _turns_of(kiro_files.read_document(path, reading), path, reading)


def last_turns(
    folder: str, session_id: str, limit: int, reading: ReadPass, max_bytes: int = MAX_TAIL
) -> list[Turn]:
    """Return at most the last `limit` turns of one session, oldest first, without prompts.

    If the session has more than `max_bytes`, only its end is read. Then the workspace is unknown,
    because it is at the beginning.
    """
    path = os.path.join(folder, f"{session_id}.json")
    if not _is_session(path) or os.path.dirname(session_id) or not os.path.lexists(path):
        return []
    data, is_whole = kiro_files.read_tail(path, max_bytes, reading)
    if not data:
        return []
    document = kiro_files.decode(data, path, 0, reading) if is_whole else _decode_tail(data)
    document["session_id"] = session_id
    found: dict[str, Turn] = {}
    for metadata in (_metadatas_of(document) or [])[-limit:]:
        turn = _read_turn(metadata, document, path, reading)
        if turn is not None:
            found[turn.source_id] = turn
    return list(found.values())


def _is_session(path: str) -> bool:
    # Whether a file has a session's name: nothing else in the folder is opened.
    stem, ending = os.path.splitext(os.path.basename(path))
    return ending == ".json" and len(stem) >= 8 and _ID_CHARS.issuperset(stem)


def _by_age(folder: str, reading: ReadPass) -> list[str]:
    found = []
    for path in kiro_files.regular_files(folder):
        at = kiro_files.modified_at(path)
        if _is_session(path) and at and reading.is_recent(at):
            # Problems of the document are noted later, when its turns are read.
            document = kiro_files.read_document(path, ReadPass())
            is_rewound = document.get("session_created_reason") == "rewind"
            created = values.microseconds(document.get("created_at")) or at
            found.append((is_rewound, created, path))
    return [path for *_, path in sorted(found)]


def _turns_of(document: dict[str, Any], path: str, reading: ReadPass) -> Iterator[Turn]:
    metadatas = _metadatas_of(document)
    if metadatas is None:
        if document:
            reading.skip(read_pass.WRONG_SHAPE, path)
        return
    stem = path.removesuffix(".json")
    document["session_id"] = values.text(document.get("session_id")) or os.path.basename(stem)
    prompts = _prompts(f"{stem}.jsonl", reading) if metadatas else {}
    for metadata in metadatas:
        turn = _read_turn(metadata, document, path, reading)
        if turn is not None and reading.accepts(turn, path):
            ids = metadata.get("message_ids")
            known = ids if isinstance(ids, list) else []
            found = [prompts.get(i, "") for i in known if isinstance(i, str)]
            turn.prompt = next(filter(None, found), "")
            yield turn


def _prompts(path: str, reading: ReadPass) -> dict[str, str]:
    # The user's texts in one session, by message id.
    prompts: dict[str, str] = {}
    size = 0
    for number, line in kiro_files.read_lines(path, reading) if os.path.lexists(path) else ():
        if b'"Prompt"' not in line or size > _MAX_PROMPTS:
            continue
        message = kiro_files.decode(line, path, number, reading)
        data = values.mapping(message.get("data"))
        if message.get("kind") == "Prompt" and values.text(data.get("message_id")):
            prompts[data["message_id"]] = values.text_of(data.get("content"))
            size += len(line)
    return prompts


def _metadatas_of(document: dict[str, Any]) -> list[dict[str, Any]] | None:
    # The entries of a session's turns; None if the document is not a session.
    state = values.mapping(document.get("session_state"))
    if not state:
        return None
    conversation = values.mapping(state.get("conversation_metadata"))
    return values.objects(conversation.get("user_turn_metadatas"))


def _read_turn(
    metadata: dict[str, Any], document: dict[str, Any], path: str, reading: ReadPass
) -> Turn | None:
    # The turn of one entry; None, with a note, if nothing distinguishes it from others.
    try:
        key, execution_id = _identify(metadata)
        if key:
            return _turn_of(key, execution_id, metadata, document, path, reading)
    except read_pass.SHAPE_ERRORS:
        pass
    reading.skip(read_pass.WRONG_SHAPE, path)
    return None


def _turn_of(
    key: str,
    execution_id: str,
    metadata: dict[str, Any],
    document: dict[str, Any],
    path: str,
    reading: ReadPass,
) -> Turn:
    session_id, cwd = values.text(document.get("session_id")), values.text(document.get("cwd"))
    turn = Turn(CLI_SESSION, key, session_id, cwd)
    turn.execution_id = execution_id
    turn.origin = values.text(document.get("session_created_reason"))
    turn.model = values.text(metadata.get("model")) or _session_model(document)
    turn.context_percent = values.percent(metadata.get("context_usage_percentage"))
    turn.request_count = values.count(metadata.get("total_request_count"))
    turn.input_tokens = values.tokens(metadata.get("input_token_count"))
    turn.output_tokens = values.tokens(metadata.get("output_token_count"))
    turn.cached_tokens = values.tokens(metadata.get("cache_read_input_token_count"))
    turn.credits, refused = values.credit_sum(metadata.get("metering_usage"), "value")
    reading.skip(read_pass.REFUSED_NUMBER, path, count=refused)
    _take_times(turn, metadata)
    turn.status = _status(metadata)
    return turn


def _answer(metadata: dict[str, Any]) -> dict[str, Any]:
    return values.mapping(values.mapping(metadata.get("result")).get("Ok"))


def _identify(metadata: dict[str, Any]) -> tuple[str, str]:
    answer_id = values.text(_answer(metadata).get("id"))
    if answer_id:
        return answer_id, answer_id
    loop = values.mapping(metadata.get("loop_id"))
    agent = values.mapping(loop.get("agent_id"))
    parts = [agent.get("name"), agent.get("parent_id"), agent.get("rand"), loop.get("rand")]
    if parts[-1] is None:
        return "", ""
    # `rand` alone would not do: it has 32 bits, so among 100,000 turns two would share one. A
    # copied session keeps the time, so its turns keep their keys.
    return f"loop:{parts}:{metadata.get('end_timestamp')}", ""


def _session_model(document: dict[str, Any]) -> str:
    state = values.mapping(document.get("session_state"))
    info = values.mapping(values.mapping(state.get("rts_model_state")).get("model_info"))
    return values.text(info.get("model_id")) or values.text(info.get("model_name"))


def _take_times(turn: Turn, metadata: dict[str, Any]) -> None:
    answered = values.mapping(_answer(metadata).get("meta")).get("timestamp")
    end = metadata.get("end_timestamp")
    turn.ended_at = values.microseconds(end) or values.microseconds(answered)
    duration = values.mapping(metadata.get("turn_duration"))
    seconds, nanos = values.count(duration.get("secs")), values.count(duration.get("nanos"))
    if turn.ended_at is not None and seconds is not None:
        elapsed = seconds * _SECOND + (nanos or 0) // _NANOSECONDS
        turn.started_at = turn.ended_at - elapsed if elapsed <= LONGEST_TURN else None


def _status(metadata: dict[str, Any]) -> str:
    status = values.status(metadata.get("end_reason"))
    failed = "Err" in values.mapping(metadata.get("result"))
    return ERROR if failed and status in {"", SUCCESS} else status


# In a JSON text each quote has a backslash before it, so these are found as keys only.
_LOOP_ID, _MODEL_INFO = '"loop_id"', '"model_info"'
_WHITESPACE = " \t\r\n"


def _decode_tail(data: bytes) -> dict[str, Any]:
    # A session's document with the last turns and the model, which is all that the end of its
    # file has. A turn is found because `loop_id` is its first key; if Kiro changes that, no turn
    # is found.
    text = data.decode("utf-8", "replace")
    found: list[Any] = []
    at = text.find(_LOOP_ID)
    while at >= 0:
        start = _start_of_object(text, at)
        value, end = _decode_at(text, start) if start >= 0 else (None, at)
        if value is not None:
            found.append(value)
        at = text.find(_LOOP_ID, max(end, at + len(_LOOP_ID)))
    return {
        "session_state": {
            "conversation_metadata": {"user_turn_metadatas": found},
            "rts_model_state": {"model_info": _model_info(text)},
        }
    }


def _start_of_object(text: str, key: int) -> int:
    before = text[max(0, key - 64) : key].rstrip(_WHITESPACE)
    return text.rfind("{", 0, key) if before.endswith("{") else -1


def _model_info(text: str) -> Any:
    at = text.rfind(_MODEL_INFO)
    colon = text.find(":", at + len(_MODEL_INFO)) if at >= 0 else -1
    start = text.find("{", colon) if colon >= 0 else -1
    only_space = start >= 0 and not text[colon + 1 : start].strip(_WHITESPACE)
    return _decode_at(text, start)[0] if only_space else None


def _decode_at(text: str, start: int) -> tuple[Any, int]:
    try:
        return raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
