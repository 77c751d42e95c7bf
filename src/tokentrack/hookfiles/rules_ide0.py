"""Warnings about hook files of Kiro IDE 0.x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.hookfiles import triggers
from tokentrack.hookfiles.display import quote
from tokentrack.hookfiles.document import Document, as_dict, ide0_trigger, texts
from tokentrack.hookfiles.findings import Problem, warning
from tokentrack.hookfiles.forms import is_legacy_list

if TYPE_CHECKING:
    from collections.abc import Iterator

_INIT = "or let `tokentrack init` write hooks that fire"


def legacy_trigger(document: Document) -> Iterator[Problem]:
    """Tell how to migrate the forms of this project's first documents."""
    name = ide0_trigger(document)
    if name in triggers.LEGACY:
        then = "" if "then" in document.value else ' and add "then"'
        use = quote(triggers.equivalent(name, "ide-0") or "")
        hint = f"use {use}{then}, {_INIT}"
        yield warning(("when", "type"), f"no released Kiro fires {quote(name)}", hint)
    if is_legacy_list(document.value):
        first = next((text for _, text in texts(document.value["triggers"])), "")
        use = quote(triggers.equivalent(first, "ide-0") or "agentStop")
        hint = f'write "when": {{"type": {use}}} and "then", {_INIT}'
        yield warning(("triggers",), 'no released Kiro reads "triggers" without "when"', hint)


def version_not_text(document: Document) -> Iterator[Problem]:
    """Ask for quotes around a version."""
    if not isinstance(document.value.get("version", ""), str):
        yield warning(("version",), "the version is not text", 'put it in double quotes: "1"')


def glob_cut_at_comma(document: Document) -> Iterator[Problem]:
    """Find a brace glob that was split at its commas into several patterns."""
    for i, text in texts(as_dict(document.value.get("when")).get("patterns")):
        if text.count("{") != text.count("}"):
            message = f"{quote(text)} is a part of a glob that was split at its commas"
            hint = 'join the parts again: "**/*.{js,jsx}"'
            yield warning(("when", "patterns", i), message, hint)


def glob_from_root(document: Document) -> Iterator[Problem]:
    """Find patterns that start with a slash, which match nothing in a workspace."""
    for i, text in texts(as_dict(document.value.get("when")).get("patterns")):
        if text.startswith("/"):
            message = (
                f"{quote(text)} starts with a slash, but patterns are relative to the workspace"
            )
            yield warning(("when", "patterns", i), message, "remove the slash")


def patterns_ignored(document: Document) -> Iterator[Problem]:
    """Find patterns on a trigger that has no file to match them with."""
    name = ide0_trigger(document)
    reads_files = name in triggers.FILE_TRIGGERS | triggers.PATTERNS_TOLERATED
    if name not in triggers.TRIGGERS["ide-0"] or reads_files:
        return
    if "patterns" in as_dict(document.value.get("when")):
        yield warning(("when", "patterns"), f"{quote(name)} ignores patterns", "remove them")


def filter_missing(document: Document) -> Iterator[Problem]:
    """Ask for what every working file or tool hook has: patterns or toolTypes."""
    name = ide0_trigger(document)
    when = as_dict(document.value.get("when"))
    for names, key in ((triggers.FILE_TRIGGERS, "patterns"), (triggers.TOOL_TRIGGERS, "toolTypes")):
        if name in names and key not in when:
            message = f'{quote(name)} has no "{key}", so it is not said what it fires for'
            yield warning(("when",), message, f'add "{key}": ["*"] or narrower')


def inert(document: Document) -> Iterator[Problem]:
    """Say that a newer IDE does not read this file."""
    use = triggers.equivalent(ide0_trigger(document), "v1")
    if (
        document.ide_major is None
        or document.ide_major < 1
        or ide0_trigger(document) in triggers.LEGACY
    ):
        return
    if use:
        # Session folders are the sign, and CLI 3 writes them like IDE 1.x.
        message = "this file is inert if your IDE is 1.0 or newer"
        hint = f"`tokentrack migrate-hooks` makes a v1 file of it, with the trigger {quote(use)}"
        yield warning(None, message, hint)
