"""Kiro's names of triggers, actions and keys, and the right name for a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tokentrack.common.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Form = Literal["ide-0", "v1", "cli-2", "crew", "loose", "unknown"]

LABELS: Mapping[Form, str] = {
    "ide-0": "Kiro IDE 0.x",
    "v1": "v1 hook files",
    "cli-2": "CLI agents",
}

# One row per kind of event; None where a form has no trigger for it.
_ROWS: tuple[tuple[str | None, str, str | None], ...] = (
    # ide-0, v1, cli-2
    ("fileEdited", "PostFileSave", None),
    ("fileCreated", "PostFileCreate", None),
    ("fileDeleted", "PostFileDelete", None),
    ("userTriggered", "Manual", None),
    ("promptSubmit", "UserPromptSubmit", "userPromptSubmit"),
    ("agentStop", "Stop", "stop"),
    ("preToolUse", "PreToolUse", "preToolUse"),
    ("postToolUse", "PostToolUse", "postToolUse"),
    ("preTaskExecution", "PreTaskExec", None),
    ("postTaskExecution", "PostTaskExec", None),
    (None, "SessionStart", "agentSpawn"),
    (None, "SessionEnd", None),
)
_COLUMN: Mapping[Form, int] = {"ide-0": 0, "v1": 1, "cli-2": 2}

TRIGGERS: Mapping[Form, tuple[str, ...]] = {
    form: tuple(name for row in _ROWS if (name := row[column])) for form, column in _COLUMN.items()
}
ACTIONS: Mapping[Form, tuple[str, ...]] = {
    "ide-0": ("askAgent", "runCommand"),
    "v1": ("agent", "command"),
}

# Names from early drafts of tokentrack, which no released Kiro fires.
LEGACY: Mapping[str, str] = {
    "agentExecutionStarted": "UserPromptSubmit",
    "agentExecutionCompleted": "Stop",
}
# Invalid names found in real files -> the v1 name that was meant.
INVENTED: Mapping[str, str] = {
    "manual": "Manual",
    "manualTrigger": "Manual",
    "agentComplete": "Stop",
    "afterAgentExecution": "Stop",
    "onMessage": "UserPromptSubmit",
    "always": "UserPromptSubmit",
    **LEGACY,
}
INVENTED_ACTIONS: Mapping[str, str] = {"shell": "command", "executeScript": "command"}
_ACTION_PAIRS = tuple(zip(ACTIONS["ide-0"], ACTIONS["v1"], strict=True))

FILE_TRIGGERS = frozenset({"fileEdited", "fileCreated", "fileDeleted"})
TOOL_TRIGGERS = frozenset({"preToolUse", "postToolUse"})
# The IDE's own form leaves `patterns` on these when the trigger is changed.
PATTERNS_TOLERATED = frozenset({"userTriggered", "promptSubmit"})

# Wrong keys found in real files -> the key that was meant.
KEY_ALIASES: Mapping[str, str] = {
    "timeout": "timeout_ms",
    "event": "trigger",
    "when": "trigger",
    "then": "action",
    "tool_types": "toolTypes",
}


def equivalent(name: str, form: Form) -> str | None:
    """Return the trigger of `form` for a name of another form or an invented one."""
    lowered = name.lower()
    meant = {key.lower(): value for key, value in INVENTED.items()}.get(lowered, name).lower()
    for row in _ROWS:
        if meant in {known.lower() for known in row if known}:
            return row[_COLUMN[form]]
    return None


def suggest_trigger(name: str, form: Form) -> str | None:
    """Return the trigger of `form` that was most likely meant by `name`."""
    if any(name in names for names in TRIGGERS.values()):
        return equivalent(name, form)  # no similar name helps if the form has no such trigger
    near = nearest(name, (*INVENTED, *TRIGGERS[form]))
    return equivalent(near or name, form)


def suggest_action(name: str, form: Form) -> str | None:
    """Return the action of `form` that was most likely meant by `name`."""
    meant = INVENTED_ACTIONS.get(name, name)
    for pair in _ACTION_PAIRS:
        if meant in pair:
            return pair[_COLUMN[form]]
    return nearest(name, ACTIONS[form])


def suggest_key(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid key that was most likely meant by `name`."""
    known = tuple(valid)
    meant = KEY_ALIASES.get(name)
    return meant if meant in known else nearest(name, known)
