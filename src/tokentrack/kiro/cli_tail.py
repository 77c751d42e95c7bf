"""The last turns of a CLI session's document that is too large to be read whole for one turn."""

from __future__ import annotations

from tokentrack.fastjson import raw_decode

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from typing import Any

# A quote inside a JSON text has a backslash before it, so these are found as keys only.
_TURN, _MODEL = '"loop_id"', '"model_info"'
_WHITESPACE = " \t\r\n"


def read_tail(data: bytes) -> dict[str, Any]:
    """Return a document with what can be read of the end of one: its last turns and the model.

    Kiro writes a turn's `loop_id` first; were that to change, no turn would be found.
    """
    text = data.decode("utf-8", "replace")
    found: list[Any] = []
    at = text.find(_TURN)
    while at >= 0:
        start = _start_of_object(text, at)
        value, end = _decode(text, start) if start >= 0 else (None, at)
        if value is not None:
            found.append(value)
        at = text.find(_TURN, max(end, at + len(_TURN)))
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
    at = text.rfind(_MODEL)
    colon = text.find(":", at + len(_MODEL)) if at >= 0 else -1
    start = text.find("{", colon) if colon >= 0 else -1
    only_space = start >= 0 and not text[colon + 1 : start].strip(_WHITESPACE)
    return _decode(text, start)[0] if only_space else None


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        return raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
