"""Read a payload that is damaged, cut off, too deeply nested or too large to decode.

Loaded only for such a payload, since it needs `re`. Keys inside a JSON string have escaped quotes,
so text that merely quotes a payload does not match.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tokentrack.common import fastjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT_FIELDS = (
    "hook_event_name", "event", "event_name", "trigger_type", "hook_trigger_type",
    "session_id", "parent_session_key", "subagent_id", "cwd", "prompt", "prompt_text",
    "assistant_response", "assistant_text", "agent_execution_id", "execution_id", "hook_name",
    "tool_name", "file_path", "path", "model", "error_message",
)  # fmt: skip
_NUMBER_FIELDS = (
    "tokens_used", "total_tokens", "input_tokens", "output_tokens", "elapsed_time",
    "cache_read_input_tokens", "cache_creation_input_tokens", "hook_continuation_count",
)  # fmt: skip

# How much of one text is kept: its length is the estimate of its tokens.
_KEPT_BYTES = 4 * 1024 * 1024

_HEAD_BYTES = 512 * 1024
_TAIL_BYTES = 64 * 1024


def _spellings(names: tuple[str, ...]) -> dict[bytes, str]:
    found = {}
    for name in names:
        head, *tail = name.split("_")
        found[name.encode()] = name
        found[(head + "".join(part.capitalize() for part in tail)).encode()] = name
    return found


_TEXT_KEYS = _spellings(_TEXT_FIELDS)
_NUMBER_KEYS = _spellings(_NUMBER_FIELDS)
_FIELD = re.compile(
    rb'"(?:('
    + b"|".join(_TEXT_KEYS)
    + rb')"\s{0,9}:\s{0,9}"|('
    + b"|".join(_NUMBER_KEYS)
    + rb')"\s{0,9}:\s{0,9}(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)(?=[\s,}]))'
)
# Possessive: backtracking would remember each of millions of escapes.
_STRING_BODY = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def cut(data: bytes, levels: int) -> bytes:
    """Return a JSON text with `null` in place of what is nested more than some levels deep."""
    kept: list[bytes] = []
    depth = start = 0
    for match in _TOKEN.finditer(data):
        first = match[0][:1]
        if first in b"[{":
            depth += 1
            if depth == levels + 1:
                kept += (data[start : match.start()], b"null")
                start = len(data)  # unless it ends
        elif first in b"]}":
            if depth == levels + 1:
                start = match.end()
            depth -= 1
    return b"".join([*kept, data[start:]])


def find_fields(data: bytes) -> dict[str, Any]:
    """Return the first value of each known field found in `data`, under its snake_case name.

    Searches both ends only, which bounds the time: the fields are before or after a long text.
    """
    fields: dict[str, Any] = {}
    for match in _matches(data):
        text_key, number_key, number = match.groups()
        name = _TEXT_KEYS[text_key] if text_key else _NUMBER_KEYS[number_key]
        if name not in fields:
            fields[name] = (
                _text_at(data, match.end()) if text_key else fastjson.loads(number.decode())
            )
    return {name: value for name, value in fields.items() if value is not None}


def _matches(data: bytes) -> Iterator[re.Match[bytes]]:
    head = min(len(data), _HEAD_BYTES)
    yield from _FIELD.finditer(data, 0, head)
    yield from _FIELD.finditer(data, max(head, len(data) - _TAIL_BYTES))


def _text_at(data: bytes, start: int) -> str | None:
    match = _STRING_BODY.match(data, start, start + _KEPT_BYTES)
    body = match.group() if match else b""
    # A cut can be inside a \uXXXX escape or a character: remove the pieces.
    for drop in range(7):
        try:
            text = fastjson.loads('"' + body[: len(body) - drop].decode("utf-8", "replace") + '"')
        except ValueError:
            continue
        return text if isinstance(text, str) else None
    return None
