"""Warnings about v1 hook files and about the hooks of CLI agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.hookfiles import triggers
from tokentrack.hookfiles.document import Document, as_dict, v1_hooks
from tokentrack.hookfiles.findings import Problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST_MS = 200


def action_timeout(document: Document) -> Iterator[Problem]:
    """Find a timeout inside the action, where Kiro does not look for it."""
    for keys, hook in v1_hooks(document):
        if "timeout" in as_dict(hook.get("action")):
            hint = 'move "timeout" one level up, beside "action"'
            yield warning((*keys, "action", "timeout"), "Kiro ignores a timeout in an action", hint)


def no_matcher(document: Document) -> Iterator[Problem]:
    """Find a PreToolUse hook that runs before every tool."""
    for keys, hook in v1_hooks(document):
        if hook.get("trigger") == "PreToolUse" and "matcher" not in hook:
            message = '"PreToolUse" without "matcher" runs before every single tool'
            yield warning((*keys, "trigger"), message, 'add "matcher", a regex on the tool\'s name')


def manual_retired(document: Document) -> Iterator[Problem]:
    """Find the trigger that IDE 1.0 has retired."""
    for keys, hook in v1_hooks(document):
        if hook.get("trigger") == "Manual":
            hint = "use another trigger, or a slash command"
            yield warning((*keys, "trigger"), 'Kiro IDE 1.0 has retired "Manual"', hint)


def confirm_ignored(document: Document) -> Iterator[Problem]:
    """Find a confirmation on a trigger that does not ask."""
    for keys, hook in v1_hooks(document):
        if "confirm" in hook and hook.get("trigger") != "Stop":
            yield warning((*keys, "confirm"), 'only "Stop" reads "confirm"', "remove it")


def not_json_name(document: Document) -> Iterator[Problem]:
    """Find content under a name at which no Kiro looks for it."""
    if not document.path.endswith(".json"):
        message = f"{triggers.LABELS[document.form]} are only read from files that end with .json"
        yield warning(None, message, "rename the file")


def timeout_ms_in_seconds(document: Document) -> Iterator[Problem]:
    """Find agent timeouts that were meant in seconds."""
    for trigger, entries in as_dict(document.value.get("hooks")).items():
        for i, entry in enumerate(entries if isinstance(entries, list) else []):
            value = as_dict(entry).get("timeout_ms")
            if isinstance(value, int | float) and 0 < value < _LEAST_MS and value is not True:
                keys = ("hooks", trigger, i, "timeout_ms")
                yield warning(
                    keys, f"{value} are milliseconds here, not seconds", "multiply by 1000"
                )
