"""The hooks in a decoded file of any form, which of them are ours, and which program they start."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
from typing import Any, NamedTuple

from tokentrack.common.resources import read_json, read_text
from tokentrack.hookfiles import json_edit
from tokentrack.hookfiles.plan import RefusedError

IDE0_FILES = ("token-tracking-start.kiro.hook", "token-tracking.kiro.hook")
V1_FILE = "tokentrack.json"
AGENT_BLOCK = "cli-agent.json"
CREW_FILE = "crew-hooks.json"

_OURS = re.compile(r"""(?:^|[\s"'/\\])tokentrack(?:\.exe)?\\?["']?\s+hook-run(?![\w-])""")

# Needs no quotation in JSON. `exec` replaces the shell, so that no second process waits.
_GUARD = "command -v tokentrack >/dev/null 2>&1 || exit 0; exec "

_OPERATORS = frozenset("();<>|&")
_STARTERS = frozenset({"exec", "command", "env", "nohup", "time"})
_EXPANDED = frozenset("$`*?%")  # only the shell knows the value of such a word


class Entry(NamedTuple):
    """One hook of a document."""

    surface: str
    name: str
    trigger: str
    command: str
    enabled: bool
    nested: bool = False  # one level too deep, in the form of other agents


def is_ours(command: object) -> bool:
    """Tell whether a command starts the recorder, however the user wrote it."""
    return isinstance(command, str) and _OURS.search(command) is not None


def shipped_commands() -> frozenset[str]:
    """Return the exact commands of the shipped hook files, in both forms."""
    documents = [read_json("hooks", name) for name in (*IDE0_FILES, V1_FILE, CREW_FILE)]
    found = [entry for document in documents for entry in entries(document)]
    found += agent_entries(read_json("hooks", AGENT_BLOCK))
    plain = {entry.command for entry in found}
    return frozenset(plain | {optional_form(command) for command in plain})


def optional_form(command: str) -> str:
    """Return a command that does nothing, silently, where the program is missing (POSIX)."""
    return f"{_GUARD}{command}"


def is_optional(command: str) -> bool:
    """Tell whether a command does nothing where the program is missing."""
    return command.startswith(_GUARD)


def shipped_text(resource: str, *, optional: bool = False) -> str:
    """Return the text of a shipped hook file, with its commands in one of their two forms."""
    text = read_text("hooks", resource)
    return (
        text.replace('"tokentrack hook-run', f'"{_GUARD}tokentrack hook-run') if optional else text
    )


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are equal; 1, 1.0 and true are three values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def file_state(text: str, resource: str) -> str:
    """Return "same", "changed" (ours, then edited) or "foreign" for a file with our file's name."""
    try:
        document = json_edit.load(text)
    except RefusedError:
        return "foreign"
    shipped = read_json("hooks", resource)
    if is_shipped(document, resource):
        return "same"
    names = {entry.name for entry in entries(shipped)}
    ours = [e for e in entries(document) if e.name in names and is_ours(e.command)]
    return "changed" if ours else "foreign"


def is_shipped(document: Any, resource: str) -> bool:
    """Tell whether a document is a shipped one, in either form of its commands."""
    forms = (shipped_text(resource, optional=optional) for optional in (False, True))
    return any(same(document, json.loads(form)) for form in forms)


def entries(document: Any) -> list[Entry]:
    """Return the hooks of a 0.x, v1 or Crew document, recognised by content; none of any other."""
    if isinstance(document, list):
        return _crew_entries(document)
    if not isinstance(document, dict):
        return []
    if isinstance(document.get("when"), dict):
        return [_ide0_entry(document)]
    hooks = document.get("hooks")
    if not isinstance(hooks, list):
        return []
    return _v1_entries(hooks) if document.get("version") == "v1" else _crew_entries(hooks)


def agent_entries(document: Any) -> list[Entry]:
    """Return the hooks of an agent config, including those of a nested block."""
    found = []
    for event, items in _dict(_dict(document).get("hooks")).items():
        for item in _dicts(items):
            found.append(Entry("cli-2", "", event, _text(item.get("command")), enabled=True))
            found += [
                Entry("cli-2", "", event, _text(inner.get("command")), enabled=True, nested=True)
                for inner in _dicts(item.get("hooks"))
            ]
    return found


def _ide0_entry(document: dict[str, Any]) -> Entry:
    trigger = _text(document["when"].get("type"))
    command = _text(_dict(document.get("then")).get("command"))
    enabled = document.get("enabled") is not False
    return Entry("ide-0", _text(document.get("name")), trigger, command, enabled)


def _v1_entries(hooks: list[Any]) -> list[Entry]:
    return [
        Entry(
            "v1",
            _text(hook.get("name")),
            _text(hook.get("trigger")),
            _text(_dict(hook.get("action")).get("command")),
            hook.get("enabled") is not False,
        )
        for hook in _dicts(hooks)
    ]


def _crew_entries(hooks: list[Any]) -> list[Entry]:
    return [
        Entry(
            "crew",
            _text(hook.get("name")),
            _text(hook.get("event")),
            _text(hook.get("command")),
            hook.get("enabled") is not False,
        )
        for hook in _dicts(hooks)
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


# --- the programs of commands ---


def program_of(command: str) -> str:
    """Return the word of a command that names the program; "" where only a shell could tell.

    If the line has several commands, the one that starts the recorder is used.
    """
    lexer = shlex.shlex(command, posix=os.name == "posix", punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    part: list[str] = []
    try:
        for word in lexer:
            if not _OPERATORS.issuperset(word):
                part.append(word.strip('"'))
            elif any("hook-run" in known for known in part):
                break
            else:
                part.clear()
    except ValueError:  # a quotation without an end
        return ""
    words = itertools.dropwhile(_is_before_the_program, part)
    program = next(words, "")
    return "" if _EXPANDED.intersection(program) else program


def _is_before_the_program(word: str) -> bool:
    name, is_assigned, _ = word.partition("=")
    return word in _STARTERS or (is_assigned != "" and name.isidentifier())


def missing_program(command: str, root: str) -> str:
    """Return the path of a command's program if it can't be started, "" otherwise.

    A name without a folder is not checked: Kiro's own PATH decides where it is found.
    """
    word = program_of(command)
    if not os.path.dirname(word):
        return ""
    path = os.path.join(root, os.path.expanduser(word))
    return "" if shutil.which(path) else word


def quoted(word: str) -> str:
    """Return a word quoted for the shell of this system."""
    if os.name == "posix":
        return shlex.quote(word)
    from subprocess import list2cmdline  # it takes long to load

    return list2cmdline([word])
