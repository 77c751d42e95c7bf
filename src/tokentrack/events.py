"""One Kiro event in the project's own terms, whatever surface and version it comes from.

The names, aliases and payload shapes are those that Kiro's documentation and recorded payloads
show. No payload of any released version carries tokens, credits, an execution id or a duration;
where a caller gives them (the Python API, custom integrations), they are taken as reported.
"""

from __future__ import annotations

import os

from tokentrack.estimate import estimate_tokens
from tokentrack.models.fields import split_list
from tokentrack.store.place import digest
from tokentrack.timestamps import now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

STARTED = "agentExecutionStarted"
COMPLETED = "agentExecutionCompleted"

START, COMPLETION, ACTIVITY, OTHER = "start", "completion", "activity", "other"

# Every trigger name of every surface, in lower case without separators.
_KINDS = {
    "agentexecutionstarted": START,
    "promptsubmit": START,
    "userpromptsubmit": START,
    "agentexecutioncompleted": COMPLETION,
    "agentstop": COMPLETION,
    "stop": COMPLETION,
    "pretooluse": ACTIVITY,
    "posttooluse": ACTIVITY,
    "pretaskexec": ACTIVITY,
    "posttaskexec": ACTIVITY,
    "pretaskexecution": ACTIVITY,
    "posttaskexecution": ACTIVITY,
    "fileedited": ACTIVITY,
    "filecreated": ACTIVITY,
    "filedeleted": ACTIVITY,
    "postfilesave": ACTIVITY,
    "postfilecreate": ACTIVITY,
    "postfiledelete": ACTIVITY,
}

# The spelling tells the surfaces apart where nothing else does.
_SURFACE_OF_NAME = {
    "promptSubmit": "ide-0",
    "agentStop": "ide-0",
    "UserPromptSubmit": "v1",
    "Stop": "v1",
    "userPromptSubmit": "cli-2",
    "stop": "cli-2",
    "agentSpawn": "cli-2",
}

_EVENT_KEYS = ("hook_event_name", "event", "event_name", "event_type", "trigger_type",
               "hook_trigger_type", "trigger")  # fmt: skip
_SESSION_KEYS = ("session_id", "parent_session_key", "session")
_EXECUTION_KEYS = ("agent_execution_id", "execution_id")
_PROMPT_KEYS = ("prompt", "prompt_text", "user_prompt")
_RESPONSE_KEYS = ("assistant_response", "assistant_text", "response")
_PATTERN_KEYS = ("file_patterns", "patterns")
_FILE_KEYS = ("file_path", "path", "file_paths", "files", "paths", "operations")
_CWD_KEYS = ("cwd", "workspace_path", "workspace_root")
_INNER_OBJECTS = frozenset({"tool_input", "tool_args", "usage", "token_usage", "result"})
_USAGE_KEYS = frozenset({
    "tokens_used", "total_tokens", "input_tokens", "output_tokens", "prompt_tokens",
    "completion_tokens", "cached_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "usage", "token_usage", "result",
})  # fmt: skip
_FAILED = frozenset({"error", "failed", "failure", "aborted", "cancelled", "canceled"})

_MAX_NAME = 256
_MAX_PATTERNS = 200


class Event:
    """One event; every attribute is plain data, so that it can wait in the spool as JSON.

    `at` is in microseconds since the epoch. `execution_id` is "" unless the caller gave one.
    `session_key` tells running executions apart where there is no session id. The two token
    counts are estimates from the visible text. `fingerprint` is equal for the same event that
    two installed hooks report. `ledger_size` is the ledger's size when a start was recorded: the
    execution's row can only come after it.
    """

    __slots__ = (
        "at", "branch", "elapsed", "error", "error_message", "event_id", "execution_id",
        "fingerprint", "hook_name", "kind", "ledger_size", "model", "patterns", "prompt",
        "prompt_is_cut", "prompt_tokens", "response_tokens", "session_id", "session_key",
        "surface", "tags", "trigger", "usage", "workspace_folder",
    )  # fmt: skip

    at: int
    branch: str
    elapsed: float | None
    error: bool
    error_message: str
    event_id: str
    execution_id: str
    fingerprint: str
    hook_name: str
    kind: str
    ledger_size: int
    model: str
    patterns: list[str]
    prompt: str
    prompt_is_cut: bool
    prompt_tokens: int
    response_tokens: int
    session_id: str
    session_key: str
    surface: str
    tags: dict[str, str]
    trigger: str
    usage: dict[str, int]
    workspace_folder: str

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """Rebuild an event from `to_dict`.

        Raises:
            KeyError: a field is missing.
            TypeError: a field is of another type; the file was not written by this program.
        """
        event = cls()
        for name in cls.__slots__:
            value = data[name]
            if not _FIELD_CHECKS.get(name, _is_text)(value):
                raise TypeError(f"the event's {name} is not as this program writes it")
            setattr(event, name, value)
        return event


_LAST_US = 253_402_300_799_999_999  # the year 9999 ends


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int) and not isinstance(value, bool)
    return number and 0 <= value <= _LAST_US


def _is_seconds(value: Any) -> bool:
    return value is None or _is_number(value) or (isinstance(value, float) and 0 <= value < 1e9)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


# What an event's attributes must be that are no text, when they come back from a file.
_FIELD_CHECKS: dict[str, Callable[[Any], bool]] = {
    "at": _is_number,
    "elapsed": _is_seconds,
    "error": _is_flag,
    "event_id": lambda value: _is_text(value) and value != "",
    "kind": lambda value: value in (START, COMPLETION, ACTIVITY, OTHER),
    "ledger_size": _is_number,
    "patterns": lambda value: isinstance(value, list) and all(v and _is_text(v) for v in value),
    "prompt_is_cut": _is_flag,
    "prompt_tokens": _is_number,
    "response_tokens": _is_number,
    "tags": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "usage": lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
}


def snake_case(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` with its camelCase keys in snake_case; a key already in snake_case wins.

    The objects in which tools and usage come are treated alike.
    """
    result: dict[str, Any] = {}
    for key, value in data.items():
        name = key if key == key.lower() else _snake(key)
        inner = snake_case(value) if name in _INNER_OBJECTS and isinstance(value, dict) else value
        if name == key:
            result[name] = inner
        else:
            result.setdefault(name, inner)
    return result


def _snake(key: str) -> str:
    out = ""
    for before, char in zip(" " + key, key, strict=False):
        out += f"_{char.lower()}" if char.isupper() and before.islower() else char.lower()
    return out


def kind_of(name: str) -> str:
    """Return what an event name of any surface means, in any case and spelling."""
    return _KINDS.get("".join([c for c in name.lower() if c.isalnum()]), OTHER)


def event_name(fields: Mapping[str, Any]) -> str:
    """Return the event's name, "" when the payload has none."""
    return _first_text(fields, _EVENT_KEYS)


def working_directory(fields: Mapping[str, Any]) -> str:
    """Return the folder that the payload names as the one Kiro works in, "" when it has none."""
    return _first_text(fields, _CWD_KEYS, limit=4096)


def surface_of(name: str, fields: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return which Kiro surface sent an event, as well as its name and surroundings tell."""
    if "KIROCREW_HOOK_EVENT" in environ or "parent_session_key" in fields:
        return "crew"
    if "agentexecution" in name.lower():
        return "api"
    if name in _SURFACE_OF_NAME:
        return _SURFACE_OF_NAME[name]
    if name[:1].isupper():
        return "v1"
    return "ide-0" if "VSCODE_PID" in environ else "cli-2"


def parse(fields: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Event, list[str]]:
    """Return the event that a payload's snake_case `fields` describe, and what was refused in it.

    What the payload does not say of workspace and branch, the metadata collector fills in.
    """
    event = Event()
    event.event_id = f"exec_{os.urandom(16).hex()}"
    event.at = now_us()
    event.trigger = event_name(fields)
    event.kind = kind_of(event.trigger)
    event.surface = surface_of(event.trigger, fields, environ)
    event.session_id = _first_text(fields, _SESSION_KEYS)
    event.session_key = _session_key(event, fields, environ)
    event.execution_id = _first_text(fields, _EXECUTION_KEYS)
    event.prompt = _first_text(fields, _PROMPT_KEYS, limit=None)
    response = _first_text(fields, _RESPONSE_KEYS, limit=None)
    event.prompt_is_cut = False
    event.ledger_size = 0
    event.prompt_tokens = estimate_tokens(event.prompt)
    event.response_tokens = estimate_tokens(response)
    event.fingerprint = _fingerprint(event, response, fields.get("hook_continuation_count"))
    event.model = _first_text(fields, ("model", "model_id", "model_name"))
    event.hook_name = _first_text(fields, ("hook_name",))
    event.workspace_folder = _first_text(fields, ("workspace_folder",))
    event.branch = ""
    event.tags = {}
    event.patterns = file_names(fields)
    event.usage, problems = _usage(fields)
    event.elapsed = _elapsed(fields, problems)
    event.error, event.error_message = _error(fields)
    return event, problems


def _first_text(
    fields: Mapping[str, Any], keys: tuple[str, ...], limit: int | None = _MAX_NAME
) -> str:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value:
            return value[:limit]
    return ""


def _usage(fields: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    # No payload of Kiro's own has any: the usual hook does without the module.
    if _USAGE_KEYS.isdisjoint(fields):
        return {}, []
    from tokentrack.reported import reported_usage

    return reported_usage(fields)


def _fingerprint(event: Event, response: str, continuation: object) -> str:
    return digest(f"{event.kind}\0{event.prompt}\0{response}\0{continuation}")


def _session_key(event: Event, fields: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    # Subagents of one crew session run at the same time.
    subagent = _first_text(fields, ("subagent_id",))
    if event.session_id:
        return f"{event.session_id}~{subagent}" if subagent else event.session_id
    # Without a session id: one IDE process, else one terminal session. Two conversations in the
    # same one can't be told apart; docs/recording.md says so.
    owner = environ.get("VSCODE_PID") or (str(os.getsid(0)) if hasattr(os, "getsid") else "")
    return f"{event.surface}~{owner}"


def file_names(fields: Mapping[str, Any]) -> list[str]:
    """Return the file patterns of a payload and the files that its tool or task names."""
    found: list[str] = []
    for holder in (fields, fields.get("tool_input"), fields.get("tool_args")):
        if isinstance(holder, dict):
            for key in (_PATTERN_KEYS if holder is fields else ()) + _FILE_KEYS:
                value = holder.get(key)
                if key in _PATTERN_KEYS and isinstance(value, str):
                    value = split_list(value)  # as the ledger's column has them
                _add_names(found, value)
    if not found:
        _add_names(found, _files_told_of(fields.get("tool_result")))
    return found


def _files_told_of(result: Any) -> list[str]:
    # IDE 0.x names the file only in a sentence: "Created the /abs/file.md file."
    words = result[:1000].split() if isinstance(result, str) else []
    paths = [word.strip(".,;:\"'`()") for word in words]
    return [path for path in paths if len(path) > 1 and os.path.isabs(path)]


def _add_names(found: list[str], value: Any) -> None:
    for name in value if isinstance(value, list | tuple) else [value]:
        # A tool that takes several operations names the file of each: [{"path": "a.py"}, ...].
        text = name.get("path") if isinstance(name, dict) else name
        if isinstance(text, str) and text and text not in found and len(found) < _MAX_PATTERNS:
            found.append(text[:4096])


def _elapsed(fields: Mapping[str, Any], problems: list[str]) -> float | None:
    for key, unit in (("elapsed_time", 1.0), ("duration_ms", 1e-3), ("elapsed_ms", 1e-3)):
        value = fields.get(key)
        if value is None:
            continue
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
            return value * unit
        problems.append(f"{key} is no time of 0 s or more: it counts as unknown")
    return None


def _error(fields: Mapping[str, Any]) -> tuple[bool, str]:
    error = fields.get("error")
    if isinstance(error, dict):
        error = error.get("message") or True
    message = _first_text({**fields, "error": error}, ("error_message", "error"), limit=2000)
    occurred = fields.get("error_occurred")
    if not isinstance(occurred, bool):
        status = fields.get("status")
        failed = fields.get("success") is False or (isinstance(status, str) and status in _FAILED)
        occurred = failed or bool(message) or bool(error)
    return occurred, message
