"""The forms of hook files: which one a JSON value has, and the parts that the rules look at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.hookfiles.problems import KeyPath
    from tokentrack.hookfiles.triggers import Form

_AGENT_KEYS = frozenset(
    {
        "allowedTools",
        "includeMcpJson",
        "mcpServers",
        "model",
        "prompt",
        "resources",
        "toolAliases",
        "tools",
        "toolsSettings",
        "useLegacyMcpJson",
    }
)
_HOOK_KEYS = frozenset({"action", "trigger"})
_IDE0_KEYS = frozenset({"when", "then", "triggers"})
# More than any real hook file has; further items are only checked by the schema.
_MOST_ITEMS = 1000


def recognise(value: Any, path: str) -> Form:
    """Return the form of a decoded file; its path is used only where the content does not tell."""
    if _is_crew(value, path):
        return "crew"
    if not isinstance(value, dict):
        return "unknown"
    if "hooks" in value:
        return _with_hooks(value, path)
    return _by_other_keys(value) or _by_path(value, path)


def kiro_folder(path: str) -> str:
    """Return "hooks" or "agents", the nearest folder of that name around a file, "" if none."""
    parts = os.path.normpath(path).replace("\\", "/").split("/")[:-1]
    return next((part for part in reversed(parts) if part in {"hooks", "agents"}), "")


def is_legacy_list(value: dict[str, Any]) -> bool:
    """Tell whether a file has the form of early drafts of tokentrack: `triggers` without `when`."""
    return "triggers" in value and "when" not in value


def _is_crew(value: Any, path: str) -> bool:
    # The content alone could also be a broken v1 file, so the name decides.
    place = os.path.join(os.path.basename(os.path.dirname(path)), os.path.basename(path))
    hooks = value.get("hooks") if isinstance(value, dict) else value
    return "crew" in place and isinstance(hooks, list)


def _with_hooks(value: dict[str, Any], path: str) -> Form:
    hooks = value["hooks"]
    if value.get("version") == "v1":
        return "cli-2" if isinstance(hooks, dict) and value.keys() & _AGENT_KEYS else "v1"
    if not isinstance(hooks, list):
        return "cli-2"
    entries = [entry for entry in hooks if isinstance(entry, dict)]
    if any(entry.keys() & _HOOK_KEYS for entry in entries):
        return "v1"
    is_agent = value.keys() & _AGENT_KEYS or kiro_folder(path) == "agents"
    return "cli-2" if is_agent else "v1"


def _by_other_keys(value: dict[str, Any]) -> Form | None:
    if value.keys() & _IDE0_KEYS:
        return "ide-0"
    if value.get("version") == "v1":
        return "v1"
    return "loose" if value.keys() & _HOOK_KEYS else None


def _by_path(value: dict[str, Any], path: str) -> Form:
    if path.endswith(".hook"):
        return "ide-0"
    if value.keys() & _AGENT_KEYS or kiro_folder(path) == "agents":
        return "cli-2"
    return "unknown"


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded hook file; `ide_major` is the version of the IDE that was detected, if any."""

    path: str
    form: Form
    value: dict[str, Any]
    ide_major: int | None = None


def as_dict(value: Any) -> dict[str, Any]:
    """Return an object as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[tuple[int, str]]:
    """Return the texts of a list, each with its index."""
    items = value[:_MOST_ITEMS] if isinstance(value, list) else []
    return [(i, item) for i, item in enumerate(items) if isinstance(item, str)]


def v1_hooks(document: Document) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield each hook of a v1 file with its key path."""
    hooks = document.value.get("hooks")
    for i, hook in enumerate(hooks[:_MOST_ITEMS] if isinstance(hooks, list) else []):
        if isinstance(hook, dict):
            yield ("hooks", i), hook


def ide0_trigger(document: Document) -> str:
    """Return the trigger of an IDE 0.x hook, "" if it has none."""
    name = as_dict(document.value.get("when")).get("type")
    return name if isinstance(name, str) else ""
