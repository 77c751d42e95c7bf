"""Read the fields of an event from a payload, and the shapes of those of an event in a file."""

from __future__ import annotations

import os

from tokentrack.common.redaction import redact, redact_id, truncate_prompt
from tokentrack.models.columns import is_duration, is_time, split_list
from tokentrack.recorder.tokens import reported_usage

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tokentrack.config.tracker_config import TrackerConfig

_PATTERN_KEYS = ("file_patterns", "patterns")
_FILE_KEYS = ("file_path", "path", "file_paths", "files", "paths", "operations")
_USAGE_KEYS = frozenset({
    "tokens_used", "total_tokens", "input_tokens", "output_tokens", "prompt_tokens",
    "completion_tokens", "cached_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "usage", "token_usage", "result",
})  # fmt: skip
_FAILED = frozenset({"error", "failed", "failure", "aborted", "cancelled", "canceled"})

_CLEANED_AT_ONCE = 128 * 1024
# A cut can leave part of a secret of this length at the end of the cleaned text: never store it.
_LONGEST_SECRET = 16 * 1024
_MAX_MESSAGE = 2000
MAX_NAME = 256
MAX_PATH = 4096
MAX_PATTERNS = 200
MAX_TAGS = 50
MAX_TAG = 200
# In a file of the state folder: what a configuration allows, and more than any other text has.
_LONGEST_PROMPT = 1_000_000
_LONGEST_TEXT = 64 * 1024


class PayloadFields:
    """The fields of a payload, their texts as they may be stored.

    Secrets are redacted before a text is cut: a cut could leave part of one that no rule matches.

    Attributes:
        clean_id: redacts the secrets in an id; different ids stay different.
    """

    def __init__(self, fields: Mapping[str, Any], config: TrackerConfig | None) -> None:
        """Take the payload's snake_case fields; without a configuration texts stay as they are."""
        self._fields = fields
        self._clean: Callable[[str], str] = str
        self.clean_id: Callable[[str], str] = str
        self._max_prompt: int | None = None
        if config is not None:
            self._max_prompt = config.max_prompt_length
            if config.redact_secrets:
                self._clean, self.clean_id = redact, redact_id

    def text(self, *names: str, limit: int = MAX_NAME) -> str:
        """Return the text of the first of these fields that has one, else ""."""
        return self._clean(first_text(self._fields, names))[:limit]

    def identity(self, *names: str) -> str:
        """Return the id in the first of these fields that has one, else ""."""
        return self.clean_id(first_text(self._fields, names))[:MAX_NAME]

    def stored(self, text: str) -> tuple[str, int]:
        """Return a prompt as it may be stored, and its length without the secrets."""
        if self._max_prompt is None:
            whole = self._clean(text)
            return whole, len(whole)
        # Not the whole of a long text: a million secrets would take seconds and a gigabyte.
        part = _CLEANED_AT_ONCE + self._max_prompt
        cleaned = self._clean(text[:part])
        while part < len(text) and len(cleaned) < self._max_prompt + _LONGEST_SECRET:
            part *= 4
            cleaned = self._clean(text[:part])
        more = max(0, len(text) - part)
        return truncate_prompt(cleaned, self._max_prompt, more), len(cleaned) + more

    def files(self) -> list[str]:
        """Return the file patterns and the files that the payload's tool or task names."""
        found: list[str] = []
        fields = self._fields
        for holder in (fields, fields.get("tool_input"), fields.get("tool_args")):
            if isinstance(holder, dict):
                for key in (_PATTERN_KEYS if holder is fields else ()) + _FILE_KEYS:
                    value = holder.get(key)
                    if key in _PATTERN_KEYS and isinstance(value, str):
                        value = split_list(value)  # as the ledger's column has them
                    self._add_names(found, value)
        if not found:
            self._add_names(found, self._files_in(fields.get("tool_result")))
        return found

    def _files_in(self, result: Any) -> list[str]:
        # IDE 0.x names the file only in a sentence: "Created the /abs/file.md file."
        words = self._clean(result)[:1000].split() if isinstance(result, str) else []
        paths = [word.strip(".,;:\"'`()") for word in words]
        return [path for path in paths if len(path) > 1 and os.path.isabs(path)]

    def _add_names(self, found: list[str], value: Any) -> None:
        for name in value if isinstance(value, list | tuple) else [value]:
            if len(found) >= MAX_PATTERNS:
                return
            # A tool that takes several operations names the file of each: [{"path": "a.py"}, ...].
            text = name.get("path") if isinstance(name, dict) else name
            if isinstance(text, str) and text and text not in found:
                path = self._clean(text)[:MAX_PATH]
                if path not in found:
                    found.append(path)

    def usage(self) -> tuple[dict[str, int], list[str]]:
        """Return the reported token counts, and a sentence for each that was refused."""
        # No payload of Kiro's own has any: the usual event skips the search.
        if _USAGE_KEYS.isdisjoint(self._fields):
            return {}, []
        return reported_usage(self._fields)

    def elapsed(self, problems: list[str]) -> float | None:
        """Return how many seconds the execution took; add a sentence for a refused value."""
        for key, unit in (("elapsed_time", 1.0), ("duration_ms", 1e-3), ("elapsed_ms", 1e-3)):
            value = self._fields.get(key)
            if value is None:
                continue
            if is_duration(value):
                return float(value) * unit
            problems.append(f"{key} must be 0 or more seconds; treated as unknown")
        return None

    def error(self) -> tuple[bool, str]:
        """Return whether the execution failed, and the message."""
        fields = self._fields
        error = fields.get("error")
        if isinstance(error, dict):
            error = error.get("message") or True
        message = first_text({**fields, "error": error}, ("error_message", "error"))
        occurred = fields.get("error_occurred")
        if not isinstance(occurred, bool):
            status = fields.get("status")
            failed = fields.get("success") is False
            failed = failed or (isinstance(status, str) and status in _FAILED)
            occurred = failed or bool(message) or bool(error)
        return occurred, self._clean(message)[:_MAX_MESSAGE]


def first_text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return the text of the first of these fields that has one, else ""."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def is_text(value: Any) -> bool:
    """Tell whether a value is a text that may be in any file of the state folder."""
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number from 0 on; the sum of two fits the ledger's column."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _is_name(value: Any) -> bool:
    return is_text(value) and value != ""


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_PATTERNS and all(map(_is_name, value))


# The attributes of an event in a file that are not just text; see `fastjson.fits`.
SHAPES: dict[str, Any] = {
    "at": is_time,
    "elapsed": (None, is_duration),
    "error": _is_flag,
    "event_id": _is_name,
    "ledger_size": is_count,
    "patterns": _are_names,
    "prompt": lambda value: isinstance(value, str) and len(value) <= _LONGEST_PROMPT,
    "prompt_is_cut": _is_flag,
    "prompt_tokens": is_count,
    "response_tokens": is_count,
    "tags": {is_text: is_text},
    "usage": {is_text: is_count},
}
