"""Add our hooks to a file of the user's, and remove them again.

Such a file is an agent config of Kiro CLI 1.x and 2.x, or the hooks file of Kiro Crew. Nothing
records what was written, so the order of our entries does: an object or a list that existed and
was empty gets them in reverse order, and keeps its place, empty, when they are removed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokentrack.common.resources import read_json
from tokentrack.hookfiles import json_edit
from tokentrack.hookfiles.entries import (
    AGENT_BLOCK,
    CREW_FILE,
    is_optional,
    is_ours,
    same,
    shipped_commands,
    shipped_text,
)
from tokentrack.hookfiles.json_text import find_lines
from tokentrack.hookfiles.plan import Edit, RefusedError

if TYPE_CHECKING:
    from tokentrack.hookfiles.problems import KeyPath

EVENTS = frozenset({"agentSpawn", "userPromptSubmit", "preToolUse", "postToolUse", "stop"})


def merge(surface: str, text: str, *, force: bool, optional: bool = False) -> Edit:
    """Return the file of a surface with our entries in it.

    Args:
        surface: "cli-2" for an agent config, "crew" for the hooks file of Kiro Crew.
        text: the file.
        force: whether to reset the entries that the user has changed.
        optional: whether the commands do nothing where the program is missing. Otherwise entries
            in either form stay as they are.

    Raises:
        RefusedError: the text is not such a file.
    """
    shipped = json.loads(
        shipped_text(CREW_FILE if surface == "crew" else AGENT_BLOCK, optional=optional)
    )
    merge_into = _merge_crew if surface == "crew" else _merge_agent
    return merge_into(text, shipped, force=force)


def unmerge(surface: str, text: str, *, force: bool) -> Edit:
    """Return the file of a surface without our entries; `force` also removes changed ones.

    Raises:
        RefusedError: the text is not JSON, or not Crew's hooks file.
    """
    return (_unmerge_crew if surface == "crew" else _unmerge_agent)(text, force=force)


def unknown_events(text: str) -> list[str]:
    """Return the events of an agent config that no known Kiro CLI 1.x or 2.x has."""
    return [event for event in _agent_hooks(text) or {} if event not in EVENTS]


_Items = list[tuple[int, dict[str, Any]]]


def _ours_in(items: list[Any]) -> _Items:
    # Our entries of a list, with their indices.
    pairs = enumerate(items)
    return [
        (n, item) for n, item in pairs if isinstance(item, dict) and is_ours(item.get("command"))
    ]


def _merge_item(
    edit: Edit, path: KeyPath, found: _Items, event: str, ours: dict[str, Any], *, force: bool
) -> Edit:
    # Puts our entry for an event into the list at `path`, in which those `found` are.
    text, done, left = edit
    if not found:
        return Edit(json_edit.add(text, path, None, ours), (*done, event), left)
    if any(same(item, ours) for _, item in found):
        return edit
    for place, item in found:
        other = _in_other_form(item, ours)
        if other is not None:
            if is_optional(ours["command"]):
                return Edit(json_edit.put(text, (*path, place), other), (*done, event), left)
            return edit
    if not force:
        return Edit(text, done, (*left, event))
    return Edit(json_edit.put(text, (*path, found[0][0]), ours), (*done, event), left)


def _in_other_form(item: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any] | None:
    # The entry with our command, if it is as shipped but in the other form.
    changed = {**item, "command": ours["command"]}
    return changed if item["command"] in shipped_commands() and same(changed, ours) else None


def _is_exact(item: dict[str, Any], *, force: bool) -> bool:
    # Whether an entry of ours is still as init wrote it.
    return force or item["command"] in shipped_commands()


# --- agent configs ---


def _merge_agent(text: str, shipped: Any, *, force: bool) -> Edit:
    hooks = _agent_hooks(text)
    block: dict[str, list[Any]] = shipped["hooks"]
    if hooks is None:
        return Edit(json_edit.add(text, (), "hooks", block), tuple(block))
    edit = Edit(text)
    for event in block if hooks else reversed(block):
        edit = _merge_event(edit, event, hooks.get(event), block[event][0], force=force)
    return edit


def _merge_event(edit: Edit, event: str, items: Any, ours: dict[str, Any], *, force: bool) -> Edit:
    if items is None:
        added = json_edit.add(edit.text, ("hooks",), event, [ours])
        return Edit(added, (*edit.done, event), edit.left)
    ours = ours if items else dict(reversed(ours.items()))
    return _merge_item(edit, ("hooks", event), _ours_in(items), event, ours, force=force)


def _agent_hooks(text: str) -> dict[str, Any] | None:
    document = json_edit.load(text)
    if not isinstance(document, dict):
        raise RefusedError(
            "is not a JSON object and therefore not an agent config: choose another with --agent"
        )
    if "hooks" not in document:
        return None
    hooks = document["hooks"]
    if not isinstance(hooks, dict):
        line = _line_of(text, ("hooks",))
        raise RefusedError(
            f"line {line}: `hooks` is not an object, so Kiro ignores this agent: fix it first"
        )
    for event, items in hooks.items():
        _check_event(text, event, items)
    return hooks


def _check_event(text: str, event: str, items: Any) -> None:
    flat = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    if flat and not any("hooks" in item for item in items):
        return
    line = _line_of(text, ("hooks", event))
    raise RefusedError(
        f'line {line}: the hooks of "{event}" are not in the flat form [{{"command": "..."}}]; '
        "Kiro silently ignores an agent whose hooks are nested, so fix them first"
    )


def _line_of(text: str, path: KeyPath) -> int:
    return find_lines(text, {path})[path]


def _unmerge_agent(text: str, *, force: bool) -> Edit:
    document = json_edit.load(text)
    hooks = document.get("hooks") if isinstance(document, dict) else None
    if not isinstance(hooks, dict):
        return Edit(text)
    edit = Edit(text)
    for event, items in hooks.items():
        if isinstance(items, list):
            edit = _unmerge_event(edit, event, items, force=force)
    rest = json_edit.load(edit.text)["hooks"]
    shipped = list(read_json("hooks", AGENT_BLOCK)["hooks"])
    if edit.done and not rest and list(edit.done) != shipped[::-1]:
        return edit._replace(text=json_edit.drop(edit.text, ("hooks",)))
    return edit


def _unmerge_event(edit: Edit, event: str, items: list[Any], *, force: bool) -> Edit:
    text, done, left = edit
    ours = _ours_in(items)
    exact = [place for place, item in ours if _is_exact(item, force=force)]
    for place in reversed(exact):
        text = json_edit.drop(text, ("hooks", event, place))
    was_empty = any(next(iter(items[place])) != "command" for place in exact)
    if exact and len(exact) == len(items) and not was_empty:
        text = json_edit.drop(text, ("hooks", event))
    done = (*done, event) if exact else done
    return Edit(text, done, left if len(ours) == len(exact) else (*left, event))


# --- the hooks file of Kiro Crew ---


def _merge_crew(text: str, document: Any, *, force: bool) -> Edit:
    path, items = _crew_hooks(json_edit.load(text))
    _, shipped = _crew_hooks(document)
    edit = Edit(text)
    for ours in shipped if items else reversed(shipped):
        event = ours["event"]
        found = [(n, item) for n, item in _ours_in(items) if item.get("event") == event]
        edit = _merge_item(edit, path, found, event, ours, force=force)
    return edit


def _unmerge_crew(text: str, *, force: bool) -> Edit:
    path, items = _crew_hooks(json_edit.load(text))
    done: list[str] = []
    left: list[str] = []
    for place, item in reversed(_ours_in(items)):
        event = str(item.get("event"))
        if _is_exact(item, force=force):
            text = json_edit.drop(text, (*path, place))
            done.append(event)
        else:
            left.append(event)
    return Edit(text, tuple(reversed(done)), tuple(reversed(left)))


def _crew_hooks(document: Any) -> tuple[KeyPath, list[Any]]:
    # Both forms are read, since Crew has no published schema.
    if isinstance(document, dict) and isinstance(document.get("hooks"), list):
        return ("hooks",), document["hooks"]
    if isinstance(document, list):
        return (), document
    raise RefusedError("has no list of hooks, so it is not Kiro Crew's hooks file: fix it first")
