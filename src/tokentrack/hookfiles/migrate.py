"""Convert hook files of IDE 0.x to v1 files; the originals stay unless they are replaced."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from tokentrack.common.resources import read_text
from tokentrack.hookfiles import edit_files, walk
from tokentrack.hookfiles.entries import IDE0_FILES, V1_FILE, is_ours
from tokentrack.hookfiles.forms import is_legacy_list, recognise
from tokentrack.hookfiles.plan import RefusedError, Step
from tokentrack.hookfiles.triggers import (
    FILE_TRIGGERS,
    LEGACY,
    TOOL_TRIGGERS,
    equivalent,
    suggest_action,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENDING = ".kiro.hook"
_MILLISECONDS = 1000  # a timeout of 60000 was meant in milliseconds
_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|.", re.DOTALL)
# A character class, a negation or an extended glob.
_UNCERTAIN = re.compile(r"[\[\]]|^!|[@!+*?]\(")
_CHOICES = re.compile(r"\{[^{}]*\}")
# The special characters of JavaScript; with its flag `u` other escapes are errors.
_SPECIAL = frozenset("\\.^$|?*+()[]{}")
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def plan_migration(paths: Iterable[str], *, replace: bool, base: str = "") -> list[Step]:
    """Return the step for each 0.x file: a v1 file next to it, or why there is none.

    Args:
        paths: the 0.x files.
        replace: whether to rename each original to `NAME.orig` once its v1 file is planned.
        base: a trusted folder, below which no link is followed; by default each file's own.
    """
    steps: list[Step] = []
    planned: set[str] = set()
    for path in map(os.path.abspath, paths):
        try:
            steps += _plan_file(path, base or os.path.dirname(path), planned, replace=replace)
        except RefusedError as reason:
            steps.append(Step("refuse", path, str(reason)))
    return steps


def hook_files_in(folder: str) -> list[str]:
    """Return the `.kiro.hook` files of a folder and its subfolders."""
    return [path for path in walk.hook_paths(folder) if path.endswith(_ENDING)]


def is_migrated(path: str) -> bool:
    """Tell whether the v1 file of a 0.x file has a hook for the same trigger.

    The file may have been edited since its migration.
    """
    document = walk.decoded(walk.text_of(path))
    migrated = walk.decoded(walk.text_of(_v1_path(path)))
    if not isinstance(document, dict) or not isinstance(migrated, dict):
        return False
    trigger = equivalent(str(_object(document.get("when")).get("type")), "v1")
    hooks = migrated.get("hooks") if migrated.get("version") == "v1" else None
    return any(
        trigger is not None and _object(hook).get("trigger") == trigger
        for hook in (hooks if isinstance(hooks, list) else [])
    )


def _v1_path(path: str) -> str:
    return f"{path.removesuffix(_ENDING).removesuffix('.json')}.json"


def _plan_file(path: str, base: str, planned: set[str], *, replace: bool) -> list[Step]:
    before = edit_files.read_before_change(base, path)
    document = walk.decoded((before or b"").decode("utf-8", "replace"))
    if not isinstance(document, dict) or recognise(document, path) != "ide-0":
        raise RefusedError("is not a hook file of IDE 0.x: see `tokentrack validate-hooks`")
    target, after = _converted(path, document)
    steps = []
    if target not in planned:
        planned.add(target)
        steps.append(_new_file(path, target, base, after))
    if replace and not any(step.verb == "refuse" for step in steps):
        backup = edit_files.free_backup(path)
        note = f"kept as {os.path.basename(backup)}"
        steps.append(Step("remove", path, note, base, before, None, backup))
    return steps


def _converted(path: str, document: dict[str, Any]) -> tuple[str, bytes]:
    folder, name = os.path.split(path)
    if _is_recorder(name, document):
        return os.path.join(folder, V1_FILE), read_text("hooks", V1_FILE).encode()
    content = {"version": "v1", "hooks": [convert(document)]}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return _v1_path(path), text.encode("utf-8", "backslashreplace")


def _new_file(path: str, target: str, base: str, after: bytes) -> Step:
    existing = edit_files.read_before_change(base, target)
    if existing == after:
        return Step("keep", target, "already exists")
    if existing is not None:
        raise RefusedError(f"{os.path.basename(target)} already exists: move it away")
    return Step("create", target, f"from {os.path.basename(path)}", base, None, after)


def _is_recorder(name: str, document: dict[str, Any]) -> bool:
    # Our own hook, or one from an early draft of tokentrack, which never fired.
    when, then = _object(document.get("when")), _object(document.get("then"))
    legacy = is_legacy_list(document) or when.get("type") in LEGACY
    return name in IDE0_FILES or legacy or is_ours(then.get("command"))


def convert(document: dict[str, Any]) -> dict[str, Any]:
    """Return the v1 hook of a 0.x document.

    Raises:
        RefusedError: its trigger or action has no v1 form.
    """
    when, then = _object(document.get("when")), _object(document.get("then"))
    name = when.get("type")
    trigger = equivalent(name, "v1") if isinstance(name, str) else None
    if trigger is None:
        raise RefusedError(f"its trigger {name!r} has no v1 form: see `tokentrack validate-hooks`")
    hook: dict[str, Any] = {"name": document.get("name") or "hook"}
    if document.get("description"):
        hook["description"] = document["description"]
    hook["trigger"] = trigger
    matcher = _matcher(str(name), when)
    if matcher:
        hook["matcher"] = matcher
    hook["action"] = _action(then)
    if isinstance(then.get("timeout"), int) and not isinstance(then["timeout"], bool):
        seconds = then["timeout"]
        hook["timeout"] = seconds // 1000 if seconds >= _MILLISECONDS else seconds
    hook["enabled"] = document.get("enabled") is not False
    return hook


def _action(then: dict[str, Any]) -> dict[str, Any]:
    kind = then.get("type")
    action = suggest_action(kind, "v1") if isinstance(kind, str) else None
    key = {"agent": "prompt", "command": "command"}.get(action or "", "")
    if not key or not isinstance(then.get(key), str) or not then[key]:
        raise RefusedError(f"its action {kind!r} has no v1 form: see `tokentrack validate-hooks`")
    return {"type": action, key: then[key]}


def _matcher(name: str, when: dict[str, Any]) -> str:
    if name in FILE_TRIGGERS:
        patterns = _texts(when.get("patterns"))
        return glob_regex(patterns) if patterns else ""
    if name in TOOL_TRIGGERS:
        kinds = _texts(when.get("toolTypes"))
        return "" if "*" in kinds else "|".join(kinds)
    return ""


def glob_regex(patterns: list[str]) -> str:
    """Return the anchored regex of file globs: `**/` is any folder, `*` no slash, `{a,b}` either.

    Kiro's v1 engine matches absolute and relative paths, so any folders may come first.

    Raises:
        RefusedError: it is uncertain how Kiro reads a pattern.
    """
    whole = _rejoined(patterns)
    for pattern in whole:
        if _UNCERTAIN.search(pattern) or set("{}") & set(_CHOICES.sub("", pattern)):
            raise RefusedError(
                f"its pattern {pattern!r} can't be converted reliably: write the v1 file yourself, "
                "with a regex as `matcher`"
            )
    return f"^(?:.*/)?(?:{'|'.join(_regex(pattern) for pattern in whole)})$"


def _rejoined(patterns: list[str]) -> list[str]:
    # The form of IDE 0.x splits a brace glob at its commas: ["**/*.{js", "jsx}"] was one glob.
    whole: list[str] = []
    for pattern in patterns:
        if whole and whole[-1].count("{") > whole[-1].count("}"):
            whole[-1] += f",{pattern}"
        else:
            whole.append(pattern)
    return whole


def _regex(pattern: str) -> str:
    text = ""
    for piece in _GLOB.findall(pattern.lstrip("/")):
        if piece in _MEANING:
            text += _MEANING[piece]
        elif len(piece) > 1:
            text += f"(?:{'|'.join(_regex(choice.strip()) for choice in piece[1:-1].split(','))})"
        else:
            text += f"\\{piece}" if piece in _SPECIAL else piece
    return text


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str) and item]
