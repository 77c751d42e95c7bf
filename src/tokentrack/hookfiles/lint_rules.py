"""The warnings: rules for what Kiro accepts silently although it does not do what was meant."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import quote
from tokentrack.hookfiles import triggers
from tokentrack.hookfiles.forms import (
    Document,
    as_dict,
    ide0_trigger,
    is_legacy_list,
    texts,
    v1_hooks,
)
from tokentrack.hookfiles.problems import KeyPath, Problem, warning
from tokentrack.hookfiles.structure import MOST_PROBLEMS, known_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

Rule = Callable[[Document], Iterator[Problem]]

_INIT = "or let `tokentrack init` write hooks that fire"
_OWN_SETTINGS = frozenset({"configuration", "error_handling"})
_LEAST_MS = 200
_DAY = 86_400


def warnings_about(document: Document) -> list[Problem]:
    """Return all warnings about a file of a known form."""
    found: list[Problem] = []
    for rule in RULES.get(document.form, ()):
        found += itertools.islice(rule(document), MOST_PROBLEMS)
    return found


# --- several forms ---


def _objects(document: Document) -> Iterator[tuple[KeyPath, Any, tuple[str, ...]]]:
    """Yield each object whose keys are known: its key path, its value and those keys."""
    form, value = document.form, document.value
    legacy = ("triggers",) if is_legacy_list(value) else ()
    yield (), value, (*known_keys(form), *legacy)
    if form == "ide-0":
        for name in ("when", "then"):
            yield (name,), value.get(name), known_keys(form, name)
        return
    for keys, hook in v1_hooks(document):
        yield keys, hook, known_keys(form, "hook")
        for name in ("action", "confirm"):
            yield (*keys, name), hook.get(name), known_keys(form, name)


def unknown_keys(document: Document) -> Iterator[Problem]:
    """Find keys that Kiro ignores."""
    for keys, value, known in _objects(document):
        for name in [name for name in as_dict(value) if name not in (*known, "$schema")]:
            if (keys[-1:], name) == (("action",), "timeout"):
                continue  # action_timeout explains it better
            yield warning((*keys, name), f"Kiro ignores {quote(name)} here", _key_fix(name, known))


def _key_fix(name: str, known: tuple[str, ...]) -> str:
    if name in _OWN_SETTINGS:
        return (
            "move tokentrack's settings to .kiro/token_tracker_config.json, then run "
            "`tokentrack trust`"
        )
    near = triggers.suggest_key(name, known)
    return f"did you mean {quote(near)}?" if near else "remove it"


def missing_name(document: Document) -> Iterator[Problem]:
    """Find hooks without a name, by which Kiro lists them."""
    hooks = [((), document.value)] if document.form == "ide-0" else v1_hooks(document)
    for keys, hook in hooks:
        if not hook.get("name"):
            yield warning(keys, "the hook has no name", 'add "name": Kiro lists hooks by it')


def _is_milliseconds(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > _DAY or (value >= 1000 and value % 1000 == 0)


def timeout_in_milliseconds(document: Document) -> Iterator[Problem]:
    """Find timeouts in seconds that were meant in milliseconds."""
    holders: list[tuple[KeyPath, dict[str, Any]]] = [
        (("then",), as_dict(document.value.get("then")))
    ]
    if document.form == "v1":
        holders = list(v1_hooks(document))
    for keys, holder in holders:
        if _is_milliseconds(value := holder.get("timeout")):
            shown = quote(str(value)).strip('"')
            yield warning(
                (*keys, "timeout"),
                f"{shown} is in seconds here, not milliseconds",
                "divide it by 1000",
            )


def not_json_name(document: Document) -> Iterator[Problem]:
    """Find files whose name does not end as Kiro requires."""
    if not document.path.endswith(".json"):
        message = f"Kiro reads {triggers.LABELS[document.form]} only if the name ends in .json"
        yield warning(None, message, "rename the file")


# --- IDE 0.x ---


def legacy_trigger(document: Document) -> Iterator[Problem]:
    """Find the triggers of early drafts of tokentrack, which no released Kiro fires."""
    name = ide0_trigger(document)
    if name in triggers.LEGACY:
        then = "" if "then" in document.value else ' and add "then"'
        use = quote(triggers.equivalent(name, "ide-0") or "")
        fix = f"use {use}{then}, {_INIT}"
        yield warning(("when", "type"), f"no released Kiro fires {quote(name)}", fix)
    if is_legacy_list(document.value):
        first = next((text for _, text in texts(document.value["triggers"])), "")
        use = quote(triggers.equivalent(first, "ide-0") or "agentStop")
        fix = f'write "when": {{"type": {use}}} and "then", {_INIT}'
        yield warning(("triggers",), 'no released Kiro reads "triggers" without "when"', fix)


def version_not_text(document: Document) -> Iterator[Problem]:
    """Find a version that is not text."""
    if not isinstance(document.value.get("version", ""), str):
        yield warning(("version",), "the version is not text", 'put it in double quotes: "1"')


def glob_cut_at_comma(document: Document) -> Iterator[Problem]:
    """Find a brace glob that was split at its commas into several patterns."""
    for i, text in texts(as_dict(document.value.get("when")).get("patterns")):
        if text.count("{") != text.count("}"):
            message = f"{quote(text)} is part of a glob that was split at its commas"
            fix = 'join the parts: "**/*.{js,jsx}"'
            yield warning(("when", "patterns", i), message, fix)


def glob_from_root(document: Document) -> Iterator[Problem]:
    """Find patterns that start with a slash, which match nothing in a workspace."""
    for i, text in texts(as_dict(document.value.get("when")).get("patterns")):
        if text.startswith("/"):
            message = (
                f"{quote(text)} starts with a slash, but patterns are relative to the workspace"
            )
            yield warning(("when", "patterns", i), message, "remove the slash")


def patterns_ignored(document: Document) -> Iterator[Problem]:
    """Find patterns on a trigger that is not about a file."""
    name = ide0_trigger(document)
    reads_files = name in triggers.FILE_TRIGGERS | triggers.PATTERNS_TOLERATED
    if name not in triggers.TRIGGERS["ide-0"] or reads_files:
        return
    if "patterns" in as_dict(document.value.get("when")):
        yield warning(("when", "patterns"), f"{quote(name)} ignores patterns", "remove them")


def filter_missing(document: Document) -> Iterator[Problem]:
    """Find file and tool hooks without patterns or toolTypes."""
    name = ide0_trigger(document)
    when = as_dict(document.value.get("when"))
    for names, key in ((triggers.FILE_TRIGGERS, "patterns"), (triggers.TOOL_TRIGGERS, "toolTypes")):
        if name in names and key not in when:
            message = f'{quote(name)} has no "{key}" to say what it fires for'
            yield warning(("when",), message, f'add "{key}": ["*"] or narrower')


def inert(document: Document) -> Iterator[Problem]:
    """Find files that a newer IDE does not read."""
    use = triggers.equivalent(ide0_trigger(document), "v1")
    if (
        document.ide_major is None
        or document.ide_major < 1
        or ide0_trigger(document) in triggers.LEGACY
    ):
        return
    if use:
        # The version is guessed from session folders, and CLI 3 writes them like IDE 1.x.
        message = "this file is inert if your IDE is 1.0 or newer"
        fix = f"run `tokentrack migrate-hooks` to convert it to v1, with the trigger {quote(use)}"
        yield warning(None, message, fix)


# --- v1 ---


def action_timeout(document: Document) -> Iterator[Problem]:
    """Find a timeout inside an action, where Kiro ignores it."""
    for keys, hook in v1_hooks(document):
        if "timeout" in as_dict(hook.get("action")):
            fix = 'move "timeout" one level up, next to "action"'
            yield warning((*keys, "action", "timeout"), "Kiro ignores a timeout in an action", fix)


def no_matcher(document: Document) -> Iterator[Problem]:
    """Find PreToolUse hooks that run before every tool."""
    for keys, hook in v1_hooks(document):
        if hook.get("trigger") == "PreToolUse" and "matcher" not in hook:
            message = '"PreToolUse" without "matcher" runs before every tool'
            yield warning((*keys, "trigger"), message, 'add "matcher", a regex for tool names')


def manual_retired(document: Document) -> Iterator[Problem]:
    """Find the trigger that IDE 1.0 removed."""
    for keys, hook in v1_hooks(document):
        if hook.get("trigger") == "Manual":
            fix = "use another trigger, or a slash command"
            yield warning((*keys, "trigger"), 'Kiro IDE 1.0 removed "Manual"', fix)


def confirm_ignored(document: Document) -> Iterator[Problem]:
    """Find a confirmation on a trigger that never asks for one."""
    for keys, hook in v1_hooks(document):
        if "confirm" in hook and hook.get("trigger") != "Stop":
            yield warning((*keys, "confirm"), 'only "Stop" reads "confirm"', "remove it")


# --- agent configs of CLI 1.x and 2.x ---


def timeout_ms_in_seconds(document: Document) -> Iterator[Problem]:
    """Find timeouts in milliseconds that were meant in seconds."""
    for trigger, entries in as_dict(document.value.get("hooks")).items():
        for i, entry in enumerate(entries if isinstance(entries, list) else []):
            value = as_dict(entry).get("timeout_ms")
            if isinstance(value, int | float) and 0 < value < _LEAST_MS and value is not True:
                keys = ("hooks", trigger, i, "timeout_ms")
                yield warning(
                    keys,
                    f"{value} is in milliseconds here, not seconds",
                    "multiply by 1000",
                )


RULES: Mapping[triggers.Form, tuple[Rule, ...]] = {
    "ide-0": (
        legacy_trigger,
        unknown_keys,
        missing_name,
        version_not_text,
        timeout_in_milliseconds,
        glob_cut_at_comma,
        glob_from_root,
        patterns_ignored,
        filter_missing,
        inert,
    ),
    "v1": (
        unknown_keys,
        missing_name,
        timeout_in_milliseconds,
        action_timeout,
        no_matcher,
        manual_retired,
        confirm_ignored,
        not_json_name,
    ),
    "cli-2": (timeout_ms_in_seconds, not_json_name),
}
