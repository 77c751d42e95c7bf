"""Put our entries into an agent config of Kiro CLI 1.x and 2.x, and take them out again.

There is no list of what was written, so the order is the memory: what goes into an object or
an array that was there and empty is written in reverse order, and taking it out leaves the
empty container where it was.
"""

from __future__ import annotations

from typing import Any

from tokentrack.common.resources import read_json
from tokentrack.hookfiles import jsonedit
from tokentrack.hookfiles.entries import AGENT_BLOCK, is_ours, same, shipped_commands
from tokentrack.hookfiles.plan import Edit, RefusedError

EVENTS = frozenset({"agentSpawn", "userPromptSubmit", "preToolUse", "postToolUse", "stop"})


def merge(text: str, *, force: bool) -> Edit:
    """Return the config with our entries in it; `force` also resets those the user changed.

    Raises:
        RefusedError: the text is no agent config that Kiro would read.
    """
    hooks = _hooks_of(text)
    block: dict[str, list[Any]] = read_json("hooks", AGENT_BLOCK)["hooks"]
    if hooks is None:
        return Edit(jsonedit.add(text, (), "hooks", block), tuple(block))
    edit = Edit(text)
    for event in block if hooks else reversed(block):
        edit = _merge_event(edit, event, hooks.get(event), block[event][0], force=force)
    return edit


def _merge_event(edit: Edit, event: str, items: Any, ours: dict[str, Any], *, force: bool) -> Edit:
    text, done, left = edit
    if items is None:
        return Edit(jsonedit.add(text, ("hooks",), event, [ours]), (*done, event), left)
    found = [place for place, item in enumerate(items) if is_ours(item.get("command"))]
    if not found:
        entry = ours if items else dict(reversed(ours.items()))
        return Edit(jsonedit.add(text, ("hooks", event), None, entry), (*done, event), left)
    if any(same(items[place], ours) for place in found):
        return edit
    if not force:
        return Edit(text, done, (*left, event))
    return Edit(jsonedit.put(text, ("hooks", event, found[0]), ours), (*done, event), left)


def _hooks_of(text: str) -> dict[str, Any] | None:
    document = jsonedit.load(text)
    if not isinstance(document, dict):
        raise RefusedError("is no JSON object, so it is no agent config: name another with --agent")
    if "hooks" not in document:
        return None
    hooks = document["hooks"]
    if not isinstance(hooks, dict):
        where = jsonedit.line_of(text, ("hooks",))
        raise RefusedError(
            f"line {where}: `hooks` is not an object, so Kiro ignores this agent: mend it"
        )
    for event, items in hooks.items():
        _check_event(text, event, items)
    return hooks


def _check_event(text: str, event: str, items: Any) -> None:
    flat = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    if flat and not any("hooks" in item for item in items):
        return
    where = jsonedit.line_of(text, ("hooks", event))
    raise RefusedError(
        f'line {where}: the hooks of "{event}" are not in the flat form [{{"command": "..."}}]; '
        "Kiro silently drops an agent whose hooks are nested, so mend them first"
    )


def unknown_events(text: str) -> list[str]:
    """Return the events of a config that no known Kiro CLI 1.x or 2.x has."""
    return [event for event in _hooks_of(text) or {} if event not in EVENTS]


def unmerge(text: str, *, force: bool) -> Edit:
    """Return the config without our entries; `force` also takes those the user rewrote.

    Raises:
        RefusedError: the text is no JSON.
    """
    document = jsonedit.load(text)
    hooks = document.get("hooks") if isinstance(document, dict) else None
    if not isinstance(hooks, dict):
        return Edit(text)
    edit = Edit(text)
    for event, items in hooks.items():
        if isinstance(items, list):
            edit = _unmerge_event(edit, event, items, force=force)
    rest = jsonedit.load(edit.text)["hooks"]
    shipped = list(read_json("hooks", AGENT_BLOCK)["hooks"])
    if edit.done and not rest and list(edit.done) != shipped[::-1]:
        return edit._replace(text=jsonedit.drop(edit.text, ("hooks",)))
    return edit


def _unmerge_event(edit: Edit, event: str, items: list[Any], *, force: bool) -> Edit:
    text, done, left = edit
    commands = [item.get("command") if isinstance(item, dict) else None for item in items]
    ours = [place for place, command in enumerate(commands) if is_ours(command)]
    exact = [place for place in ours if force or commands[place] in shipped_commands()]
    for place in reversed(exact):
        text = jsonedit.drop(text, ("hooks", event, place))
    was_empty = any(next(iter(items[place])) != "command" for place in exact)
    if exact and len(exact) == len(items) and not was_empty:
        text = jsonedit.drop(text, ("hooks", event))
    done = (*done, event) if exact else done
    return Edit(text, done, left if len(ours) == len(exact) else (*left, event))
