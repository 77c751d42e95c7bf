"""Check a file against the shipped schema of its form, and explain each difference."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tokentrack.common import resources
from tokentrack.common.terminal import quote
from tokentrack.hookfiles.problems import KeyPath, Problem, error, key_text
from tokentrack.hookfiles.triggers import (
    ACTIONS,
    LABELS,
    TRIGGERS,
    Form,
    suggest_action,
    suggest_key,
    suggest_trigger,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema import Draft202012Validator, ValidationError

SCHEMAS: Mapping[Form, str] = {
    "ide-0": "kiro-hook.schema.json",
    "v1": "kiro-hooks-v1.schema.json",
    "cli-2": "kiro-cli-agent-hooks.schema.json",
}
MOST_PROBLEMS = 100
_TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
_KEY_FIXES = {
    "when": 'add what starts the hook: "when": {"type": "agentStop"}',
    "then": 'add what the hook does: "then": {"type": "runCommand", "command": "…"}',
    "version": 'add "version": "v1", without which Kiro ignores the file',
    "hooks": 'add the list of hooks: "hooks": […]',
}
_ACTION_PLACES = {("then", "type"), ("action", "type")}


@dataclass(frozen=True, slots=True)
class Broken:
    """A value that breaks a rule of a schema; `known` are the keys that the schema has there."""

    rule: str
    wanted: Any
    value: Any
    keys: KeyPath
    known: tuple[str, ...]


def structural_problems(value: Any, form: Form) -> list[Problem]:
    """Return each way in which a value breaks the schema of its form, once."""
    errors = itertools.islice(_validator(form).iter_errors(value), MOST_PROBLEMS)
    found = (problem for each in errors for problem in _translate(each, form))
    return list(dict.fromkeys(found))


def known_keys(form: Form, *definition: str) -> tuple[str, ...]:
    """Return the keys of a form's schema, at its root or in one of its definitions."""
    schema = _schema(form)
    for name in definition:
        schema = schema["$defs"][name]
    return tuple(schema["properties"])


@cache
def _every_key(form: Form) -> frozenset[str]:
    definitions = _schema(form).get("$defs", {})
    inner = (known_keys(form, name) for name in definitions)
    return frozenset(itertools.chain(known_keys(form), *inner))


@cache
def _schema(form: Form) -> dict[str, Any]:
    schema: dict[str, Any] = resources.read_json("schemas", SCHEMAS[form])
    return schema


@cache
def _validator(form: Form) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_schema(form))


def _translate(error_found: ValidationError, form: Form) -> Iterator[Problem]:
    schema: Any = error_found.schema
    found = Broken(
        rule=str(error_found.validator),
        wanted=error_found.validator_value,
        value=error_found.instance,
        keys=tuple(error_found.absolute_path),
        known=tuple(schema.get("properties", ())),
    )
    return _TRANSLATORS.get(found.rule, _other)(found, form)


def _required(found: Broken, form: Form) -> Iterator[Problem]:
    strangers = [key for key in found.value if key not in _every_key(form)][:MOST_PROBLEMS]
    for missing in found.wanted:
        if missing in found.value:
            continue
        near = next((key for key in strangers if suggest_key(key, (missing,))), None)
        fix = f"rename {quote(near)}" if near else _KEY_FIXES.get(missing)
        yield error(found.keys, f'"{missing}" is missing', fix or f'add "{missing}"')


def _type(found: Broken, form: Form) -> Iterator[Problem]:
    wanted = _TYPE_NAMES.get(str(found.wanted), str(found.wanted))
    fix = f"write {wanted}"
    if form == "cli-2" and found.keys == ("hooks",):
        fix = 'write an object with a list for each trigger: {"stop": [{"command": "…"}]}'
    yield error(found.keys, f"{_shown(found.value)} is not {wanted}", fix)


def _enum(found: Broken, form: Form) -> Iterator[Problem]:
    name = found.value
    if not isinstance(name, str):
        return
    if found.keys[-2:] in _ACTION_PLACES:
        message = f"unknown action {quote(name)} ({LABELS[form]})"
        fix = _did_you_mean(suggest_action(name, form), ACTIONS[form])
    else:
        message = f"unknown trigger {quote(name)} ({LABELS[form]})"
        fix = _did_you_mean(suggest_trigger(name, form), TRIGGERS[form])
    yield error(found.keys, message, fix)


def _const(found: Broken, _: Form) -> Iterator[Problem]:
    wanted = quote(found.wanted)
    yield error(found.keys, f"{_shown(found.value)} is not {wanted}", f"write {wanted}")


def _blank(found: Broken, _: Form) -> Iterator[Problem]:
    yield error(
        found.keys,
        f"the {found.keys[-1]} is empty",
        "say what the hook should do, or remove it",
    )


def _unknown_key(found: Broken, form: Form) -> Iterator[Problem]:
    valid = found.known
    for name in itertools.islice(found.value, MOST_PROBLEMS):
        if name in valid:
            continue
        if found.keys == ("hooks",):
            message = f"unknown trigger {quote(name)} ({LABELS[form]})"
            fix = _did_you_mean(suggest_trigger(name, form), valid)
        else:
            message = f"unknown key {quote(name)} in an agent's hook: Kiro ignores the whole agent"
            fix = _agent_key_fix(name, valid)
        yield error((*found.keys, name), message, fix)


def _agent_key_fix(name: str, valid: tuple[str, ...]) -> str:
    if name == "hooks":
        return 'put the command directly in the list, without nesting: {"command": "…"}'
    return _did_you_mean(suggest_key(name, valid), valid)


def _minimum(found: Broken, _: Form) -> Iterator[Problem]:
    yield error(found.keys, f"{_shown(found.value)} is below 0", "write 0 or more")


def _other(found: Broken, _: Form) -> Iterator[Problem]:
    where = key_text(found.keys) or "the file"
    rule = found.rule
    yield error(
        found.keys, f"{where} breaks the schema's rule {quote(rule)}", "see docs/hook-files.md"
    )


def _did_you_mean(name: str | None, valid: tuple[str, ...]) -> str:
    return f"did you mean {quote(name)}?" if name else f"use one of {', '.join(valid)}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return quote(json.dumps(value)).strip('"')


_TRANSLATORS: Mapping[str, Callable[[Broken, Form], Iterator[Problem]]] = {
    "additionalProperties": _unknown_key,
    "const": _const,
    "enum": _enum,
    "minimum": _minimum,
    "pattern": _blank,
    "required": _required,
    "type": _type,
}
