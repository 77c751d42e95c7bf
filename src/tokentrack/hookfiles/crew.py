"""Put our entries into the hooks file of Kiro Crew, and take them out again.

As in an agent config, what goes into an array that was there and empty is in reverse order.
"""

from __future__ import annotations

from typing import Any

from tokentrack.common.resources import read_json
from tokentrack.hookfiles import jsonedit
from tokentrack.hookfiles.entries import CREW_FILE, is_ours, same, shipped_commands
from tokentrack.hookfiles.plan import Edit, RefusedError


def _place_of(document: Any) -> tuple[jsonedit.Path, list[Any]]:
    # Both forms are read, since Crew has no published schema.
    if isinstance(document, dict) and isinstance(document.get("hooks"), list):
        return ("hooks",), document["hooks"]
    if isinstance(document, list):
        return (), document
    raise RefusedError("holds no list of hooks, so it is not Kiro Crew's hooks file: mend it first")


def _shipped() -> list[dict[str, Any]]:
    return list(_place_of(read_json("hooks", CREW_FILE))[1])


def merge(text: str, *, force: bool) -> Edit:
    """Return the file with our entries in it; `force` also resets those the user changed.

    Raises:
        RefusedError: the text is not Crew's hooks file.
    """
    path, items = _place_of(jsonedit.load(text))
    edit = Edit(text)
    for ours in _shipped() if items else reversed(_shipped()):
        edit = _merge_entry(edit, path, items, ours, force=force)
    return edit


def _merge_entry(
    edit: Edit, path: jsonedit.Path, items: list[Any], ours: dict[str, Any], *, force: bool
) -> Edit:
    text, done, left = edit
    event = ours["event"]
    found = [place for place, item in enumerate(items) if _is_ours(item, event)]
    if not found:
        return Edit(jsonedit.add(text, path, None, ours), (*done, event), left)
    if any(same(items[place], ours) for place in found):
        return edit
    if not force:
        return Edit(text, done, (*left, event))
    return Edit(jsonedit.put(text, (*path, found[0]), ours), (*done, event), left)


def _is_ours(item: Any, event: str | None = None) -> bool:
    if not isinstance(item, dict) or not is_ours(item.get("command")):
        return False
    return event is None or item.get("event") == event


def unmerge(text: str, *, force: bool) -> Edit:
    """Return the file without our entries; `force` also takes those the user rewrote.

    Raises:
        RefusedError: the text is no JSON or not Crew's hooks file.
    """
    path, items = _place_of(jsonedit.load(text))
    done: list[str] = []
    left: list[str] = []
    for place in reversed(range(len(items))):
        if not _is_ours(items[place]):
            continue
        event = str(items[place].get("event"))
        if force or items[place]["command"] in shipped_commands():
            text = jsonedit.drop(text, (*path, place))
            done.append(event)
        else:
            left.append(event)
    return Edit(text, tuple(reversed(done)), tuple(reversed(left)))
