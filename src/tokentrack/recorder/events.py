"""Parse an event of any Kiro surface and version into one form.

The names, aliases and payload shapes come from Kiro's documentation and from recorded payloads. No
payload of a released version has tokens, credits, an execution id or a duration; if a caller gives
them (the Python API, custom integrations), they are taken as reported.
"""

from __future__ import annotations

import os

from tokentrack.common.redaction import keyed_digest, redact, redact_all
from tokentrack.common.timestamps import now_us
from tokentrack.recorder.event_fields import (
    MAX_NAME,
    MAX_PATH,
    SHAPES,
    PayloadFields,
    first_text,
    is_text,
)
from tokentrack.recorder.tokens import estimate_tokens

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.config.tracker_config import TrackerConfig

START, COMPLETION, ACTIVITY, OTHER = "start", "completion", "activity", "other"
_EVERY_KIND = (START, COMPLETION, ACTIVITY, OTHER)

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

# The surface of a name's spelling, if nothing else tells it.
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
_PROMPT_KEYS = ("prompt", "prompt_text", "user_prompt")
_RESPONSE_KEYS = ("assistant_response", "assistant_text", "response")
_CWD_KEYS = ("cwd", "workspace_path", "workspace_root")
_INNER_OBJECTS = frozenset({"tool_input", "tool_args", "usage", "token_usage", "result"})


class Event:
    """One event; every attribute is plain data, so that it can wait in the spool as JSON.

    `at` is in microseconds since the epoch. `execution_id` is "" unless the caller gave one.
    `session_key` stands for the session where there is no session id. The two token counts are
    estimates of the visible text. `fingerprint` is equal for the same event from two installed
    hooks; no text can be read from it. `ledger_size` is the ledger's size when a start was
    recorded: the execution's row can only come after it.
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
        """Rebuild an event from what `to_dict` returned, which has the shape `EVENT_SHAPE`."""
        event = cls()
        for name in cls.__slots__:
            setattr(event, name, data[name])
        return event


EVENT_SHAPE: dict[Any, Any] = {
    **{name: SHAPES.get(name, is_text) for name in Event.__slots__},
    "kind": _EVERY_KIND.__contains__,
}


def snake_case(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` with its camelCase keys in snake_case; a key that already is wins.

    The inner objects of tools and usage are treated in the same way.
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
    """Return the kind of an event name of any surface, in any case and spelling."""
    return _KINDS.get("".join([c for c in name.lower() if c.isalnum()]), OTHER)


def event_name(fields: Mapping[str, Any]) -> str:
    """Return the event's name, "" if the payload has none."""
    return first_text(fields, _EVENT_KEYS)[:MAX_NAME]


def working_directory(fields: Mapping[str, Any]) -> str:
    """Return the folder in which Kiro works, "" if the payload does not name it."""
    return first_text(fields, _CWD_KEYS)[:MAX_PATH]


def surface_of(name: str, fields: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return which Kiro surface sent an event, as far as its name and the environment tell."""
    if "KIROCREW_HOOK_EVENT" in environ or "parent_session_key" in fields:
        return "crew"
    if "agentexecution" in name.lower():
        return "api"
    if name in _SURFACE_OF_NAME:
        return _SURFACE_OF_NAME[name]
    if name[:1].isupper():
        return "v1"
    return "ide-0" if "VSCODE_PID" in environ else "cli-2"


def parse(
    fields: Mapping[str, Any], environ: Mapping[str, str], config: TrackerConfig | None = None
) -> tuple[Event, list[str]]:
    """Return the event of a payload, and a sentence for each value that was refused.

    The metadata collector fills in workspace and branch where the payload lacks them.

    Args:
        fields: the payload, with keys in snake_case.
        environ: the environment.
        config: how texts may be stored; without it they stay as they are.
    """
    payload = PayloadFields(fields, config)
    event = Event()
    event.event_id = f"exec_{os.urandom(16).hex()}"
    event.at = now_us()
    event.trigger = payload.text(*_EVENT_KEYS)
    event.kind = kind_of(event.trigger)
    event.surface = surface_of(event.trigger, fields, environ)
    if event.surface == "api":
        event.trigger = payload.text("trigger_type", "hook_trigger_type") or event.trigger
    event.session_id = payload.identity(*_SESSION_KEYS)
    event.session_key = _session_key(event, payload, environ)
    event.execution_id = payload.identity("agent_execution_id", "execution_id")
    prompt = first_text(fields, _PROMPT_KEYS)
    answer = first_text(fields, _RESPONSE_KEYS)
    event.prompt, length = payload.stored(prompt)
    event.prompt_is_cut = False
    event.ledger_size = 0
    event.prompt_tokens = estimate_tokens(prompt)
    event.response_tokens = estimate_tokens(answer)
    continuation = fields.get("hook_continuation_count")
    continuation = continuation if isinstance(continuation, int) else None
    event.fingerprint = _fingerprint(event, *payload.stored(answer), length, continuation)
    event.model = payload.text("model", "model_id", "model_name")
    event.hook_name = payload.text("hook_name")
    event.workspace_folder = payload.text("workspace_folder")
    event.branch = ""
    event.tags = {}
    event.patterns = payload.files()
    event.usage, problems = payload.usage()
    event.elapsed = payload.elapsed(problems)
    event.error, event.error_message = payload.error()
    return event, problems


def _fingerprint(event: Event, kept_answer: str, *others: object) -> str:
    # Keyed, and only of what may be stored: no secret and no prompt can be read from it.
    parts = (event.session_key, event.kind, event.prompt, kept_answer, *others)
    return keyed_digest("\0".join([str(part) for part in parts]))


def _session_key(event: Event, payload: PayloadFields, environ: Mapping[str, str]) -> str:
    # Subagents of one crew session run at the same time.
    subagent = payload.identity("subagent_id")
    if event.session_id:
        return f"{event.session_id}~{subagent}" if subagent else event.session_id
    # Without a session id: one IDE process, else one terminal session. Two conversations in the
    # same one can't be distinguished (docs/recording.md).
    owner = environ.get("VSCODE_PID") or (str(os.getsid(0)) if hasattr(os, "getsid") else "")
    return f"{event.surface}~{payload.clean_id(owner)}"


def redact_event(event: Event) -> None:
    """Redact the parts of an event that do not come from its payload, which `parse` redacts."""
    event.workspace_folder = redact(event.workspace_folder)
    event.branch = redact(event.branch)
    event.patterns = redact_all(event.patterns)
    event.tags = redact_all(event.tags)
