"""What a program tells of an execution, under the names that a payload has for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from tokentrack.common import timestamps
from tokentrack.common.redaction import redact_all
from tokentrack.kiro.values import stored_credits
from tokentrack.models.columns import COLUMNS, as_number, is_time
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN
from tokentrack.recorder import events
from tokentrack.recorder.event_fields import MAX_TAG, MAX_TAGS

TEXT_NAMES = (
    "workspace_folder", "hook_trigger_type", "trigger_type", "session_id", "hook_name",
    "agent_execution_id", "execution_id", "error_message", "model",
)  # fmt: skip
# The keys that have a meaning for an event; every other one is a tag.
_KNOWN = frozenset(COLUMNS) | frozenset(TEXT_NAMES) | {
    "hook_event_name", "event", "event_name", "event_type", "trigger", "session",
    "parent_session_key", "subagent_id", "hook_continuation_count", "prompt", "user_prompt",
    "user_message", "assistant_response", "assistant_text", "response", "output", "patterns",
    "file_path", "path", "file_paths", "files", "paths", "cwd", "workspace_path", "workspace_root",
    "tool_input", "tool_args", "usage", "token_usage", "result", "total_tokens", "input_tokens",
    "output_tokens", "prompt_tokens", "completion_tokens", "cached_tokens",
    "cache_read_input_tokens", "cache_creation_input_tokens", "model_id", "model_name",
    "duration", "duration_ms", "elapsed_ms", "error", "status", "success", "tags", "credits",
    "credits_basis",
}  # fmt: skip
_OTHER_NAMES = {"duration": "elapsed_time", "user_message": "prompt", "output": "response"}
_BASES = (REPORTED, ESTIMATED, UNKNOWN)


class CallFacts(NamedTuple):
    """What a call tells in addition to the fields of an event.

    Attributes:
        at: when the execution ended, in microseconds since the epoch; None is now.
        tags: its tags; `credits` and `credits_basis` among them are for their columns.
        problems: a sentence for each value that is refused; it quotes no text.
    """

    at: int | None
    tags: dict[str, str]
    problems: list[str]


def call_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's data under the names of a payload.

    Raises:
        RecursionError: the data contains itself.
    """
    fields = events.snake_case(
        {
            name: os.fspath(value) if isinstance(value, os.PathLike) else as_number(value)
            for name, value in given.items()
        }
    )
    for name, usual in _OTHER_NAMES.items():
        if name in fields:
            fields.setdefault(usual, fields[name])
    usage = fields.get("token_usage")
    if isinstance(usage, int | float):
        fields.setdefault("tokens_used", usage)
    elif isinstance(usage, dict) and "model" in usage:
        fields.setdefault("model", usage["model"])
    return fields


def facts_of(fields: Mapping[str, Any], *, redacts: bool) -> CallFacts:
    """Return what the fields tell that is not in an event; `redacts` takes secrets out."""
    problems: list[str] = []
    at = _time_of(fields, problems)
    return CallFacts(at, {**_tags(fields, redacts), **_credits(fields, problems)}, problems)


def _time_of(fields: Mapping[str, Any], problems: list[str]) -> int | None:
    given = fields.get("timestamp")
    at = None
    try:
        if isinstance(given, str) and given:
            at = timestamps.parse(given)
        elif isinstance(given, datetime):
            at = timestamps.from_datetime(given)
    except (ValueError, OverflowError, OSError):
        at = None
    if given is not None and not is_time(at):
        problems.append("timestamp must be a datetime or an ISO 8601 time")
        return None
    return at


def _credits(fields: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    given, basis = fields.get("credits"), fields.get("credits_basis")
    found: dict[str, str] = {}
    if given is not None:
        text = _decimal_text(given)
        if text and stored_credits(text) is not None:
            found = {"credits": text, "credits_basis": REPORTED}
        else:
            problems.append("credits must be a number of 0 or more")
    if basis is not None and basis not in _BASES:
        problems.append(f"credits_basis must be one of {', '.join(_BASES)}")
    elif basis is not None and found:
        found["credits_basis"] = basis
    return found


def _decimal_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return ""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ""
    return format(number, "f") if number.is_finite() and number >= 0 else ""


def _tags(fields: Mapping[str, Any], redacts: bool) -> dict[str, str]:
    given = fields.get("tags")
    found = {name: value for name, value in fields.items() if name not in _KNOWN}
    found.update(given if isinstance(given, Mapping) else {})
    plain = {n: v for n, v in found.items() if isinstance(v, str | int | float)}
    texts = {str(name): str(value) for name, value in plain.items()}
    tags = redact_all(texts) if redacts else texts
    return {n[:MAX_TAG]: v[:MAX_TAG] for n, v in list(tags.items())[:MAX_TAGS]}
