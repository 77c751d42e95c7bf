"""One turn of a CLI session's document."""

from __future__ import annotations

from tokentrack.kiro import scan as reasons
from tokentrack.kiro import values
from tokentrack.kiro.turn import CLI_SESSION, ERROR, Turn

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from typing import Any

    from tokentrack.kiro.scan import Scan

_SECOND = 1_000_000
_NANOSECONDS = 1000  # in a microsecond


def metadatas_of(document: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return what a session says of its turns; None when that is no session."""
    state = values.mapping(document.get("session_state"))
    if not state:
        return None
    conversation = values.mapping(state.get("conversation_metadata"))
    return values.objects(conversation.get("user_turn_metadatas"))


def read_turn(
    metadata: dict[str, Any], document: dict[str, Any], path: str, scan: Scan
) -> Turn | None:
    """Return the turn of one entry, None with a note when it can't be told from others."""
    try:
        key, execution_id = _identify(metadata)
        if key:
            return _turn_of(key, execution_id, metadata, document, path, scan)
    except reasons.UNFORESEEN:
        pass
    scan.skip(reasons.WRONG_SHAPE, path)
    return None


def _turn_of(
    key: str,
    execution_id: str,
    metadata: dict[str, Any],
    document: dict[str, Any],
    path: str,
    scan: Scan,
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
    for _ in range(refused):
        scan.skip(reasons.REFUSED_NUMBER, path)
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
    # `rand` has 32 bits: among 100,000 turns two would be equal. A copy keeps the time, too.
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
        turn.started_at = turn.ended_at - elapsed if elapsed <= reasons.LONGEST_TURN else None


def _status(metadata: dict[str, Any]) -> str:
    status = values.status(metadata.get("end_reason"))
    failed = "Err" in values.mapping(metadata.get("result"))
    return ERROR if failed and status in {"", "success"} else status
