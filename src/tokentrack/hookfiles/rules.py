"""What Kiro accepts without a word although it does not do what was meant: the warnings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tokentrack.hookfiles import rules_ide0, rules_v1, triggers
from tokentrack.hookfiles.display import quote
from tokentrack.hookfiles.document import Document, as_dict, v1_hooks
from tokentrack.hookfiles.findings import KeyPath, Problem, warning
from tokentrack.hookfiles.forms import is_legacy_list
from tokentrack.hookfiles.structure import MOST_PROBLEMS, known_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

Rule = Callable[[Document], Iterator[Problem]]

_OWN_SETTINGS = frozenset({"configuration", "error_handling"})
_DAY = 86_400


def warnings_about(document: Document) -> list[Problem]:
    """Return everything that is worth a warning in a file of a known form."""
    found: list[Problem] = []
    for rule in RULES.get(document.form, ()):
        found += itertools.islice(rule(document), MOST_PROBLEMS)
    return found


def _objects(document: Document) -> Iterator[tuple[KeyPath, Any, tuple[str, ...]]]:
    """Yield each object whose keys are known, with its place and those keys."""
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
    """Name the keys that Kiro ignores."""
    for keys, value, known in _objects(document):
        for name in [name for name in as_dict(value) if name not in (*known, "$schema")]:
            if (keys[-1:], name) == (("action",), "timeout"):
                continue  # action_timeout says more about it
            yield warning((*keys, name), f"Kiro ignores {quote(name)} here", _key_hint(name, known))


def _key_hint(name: str, known: tuple[str, ...]) -> str:
    if name in _OWN_SETTINGS:
        return "move tokentrack's settings to .kiro/token_tracker_config.json"
    near = triggers.suggest_key(name, known)
    return f"did you mean {quote(near)}?" if near else "remove it"


def missing_name(document: Document) -> Iterator[Problem]:
    """Ask for the name under which Kiro lists a hook."""
    hooks = [((), document.value)] if document.form == "ide-0" else v1_hooks(document)
    for keys, hook in hooks:
        if not hook.get("name"):
            yield warning(keys, "the hook has no name", 'add "name", Kiro lists hooks by it')


def _is_milliseconds(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > _DAY or (value >= 1000 and value % 1000 == 0)


def timeout_in_milliseconds(document: Document) -> Iterator[Problem]:
    """Find timeouts that were meant in milliseconds."""
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
                f"{shown} are seconds here, not milliseconds",
                "divide it by 1000",
            )


RULES: Mapping[triggers.Form, tuple[Rule, ...]] = {
    "ide-0": (
        rules_ide0.legacy_trigger,
        unknown_keys,
        missing_name,
        rules_ide0.version_not_text,
        timeout_in_milliseconds,
        rules_ide0.glob_cut_at_comma,
        rules_ide0.glob_from_root,
        rules_ide0.patterns_ignored,
        rules_ide0.filter_missing,
        rules_ide0.inert,
    ),
    "v1": (
        unknown_keys,
        missing_name,
        timeout_in_milliseconds,
        rules_v1.action_timeout,
        rules_v1.no_matcher,
        rules_v1.manual_retired,
        rules_v1.confirm_ignored,
        rules_v1.not_json_name,
    ),
    "cli-2": (rules_v1.timeout_ms_in_seconds, rules_v1.not_json_name),
}
