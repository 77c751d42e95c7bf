"""Edit JSON as text, so that everything else keeps its bytes, layout and number literals."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from tokentrack.hookfiles.json_text import find_repeated, walk
from tokentrack.hookfiles.plan import RefusedError

if TYPE_CHECKING:
    from tokentrack.hookfiles.problems import KeyPath

_MAX_DEPTH = 100
_TOO_DEEP = "is nested more than 100 levels deep, unlike any Kiro file: fix it first"


class _RepeatedError(ValueError):
    """One object has a key twice; the argument is the key."""


class _Container(NamedTuple):
    # An object or a list: its offsets, and its members or items.
    start: int
    end: int
    members: list[_Member]


class _Member(NamedTuple):
    key: str | int
    start: int  # of the key, or of a list's item
    value: int
    end: int


class _Style(NamedTuple):
    unit: str | None  # one level of indentation, None when all is on one line
    newline: str
    colon: str
    comma: str


def load(text: str) -> Any:
    """Return the decoded value of strict JSON.

    Raises:
        RefusedError: with the line. A key that is twice in one object is refused too, since it is
            unknown which of the two Kiro uses.
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise RefusedError(f"line {error.lineno} is not JSON: {error.msg}; fix it first") from error
    except _RepeatedError as error:
        raise RefusedError(_repeated_message(text, str(error))) from error
    except RecursionError as error:
        raise RefusedError(_TOO_DEEP) from error
    if _is_deep(value):
        raise RefusedError(_TOO_DEEP)
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        dicts = [child for box in level if isinstance(box, dict) for child in box.values()]
        level = dicts + [child for box in level if isinstance(box, list) for child in box]
        if not level:
            return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedError(key)
        found[key] = value
    return found


def _integer(literal: str) -> int | float:
    return int(literal) if len(literal) < 400 else float(literal)  # Python refuses 4301 digits


def _constant(name: str) -> NoReturn:
    raise RefusedError(f"contains {name}, which is not JSON: fix it first")


def _repeated_message(text: str, key: str) -> str:
    _, offset = next(find_repeated(text, {key}))  # what comes after it may not be JSON
    number = text.count("\n", 0, offset) + 1
    return f'line {number} has the key "{key}" a second time: remove one of the two'


def add(text: str, path: KeyPath, key: str | None, value: Any) -> str:
    """Return the text with a member (or, with no key, an item) added at the end of a container."""
    container = _container(text, path)
    style = _style(text)
    if not container.members:
        gap = "" if style.unit is None else style.newline + style.unit * (len(path) + 1)
        end = "" if style.unit is None else style.newline + style.unit * len(path)
        return (
            text[: container.start + 1]
            + gap
            + _render(key, value, style, gap)
            + end
            + text[container.end - 1 :]
        )
    last = container.members[-1]
    gap = _gap(text, container, style)
    return text[: last.end] + gap + _render(key, value, style, gap) + text[last.end :]


def put(text: str, path: KeyPath, value: Any) -> str:
    """Return the text with the value at `path` replaced."""
    container = _container(text, path[:-1])
    member = next(m for m in container.members if m.key == path[-1])
    gap = text[container.start + 1 : container.members[0].start]
    return text[: member.value] + _render(None, value, _style(text), gap) + text[member.end :]


def drop(text: str, path: KeyPath) -> str:
    """Return the text without the member or item at `path`."""
    container = _container(text, path[:-1])
    place = next(i for i, m in enumerate(container.members) if m.key == path[-1])
    if len(container.members) == 1:
        return text[: container.start + 1] + text[container.end - 1 :]
    if place == 0:
        return text[: container.members[0].start] + text[container.members[1].start :]
    return text[: container.members[place - 1].end] + text[container.members[place].end :]


def _container(text: str, path: KeyPath) -> _Container:
    members = []
    for place in walk(text):
        if len(place.path) == len(path) + 1 and tuple(place.path[:-1]) == path:
            key = place.path[-1]
            if key is not None:
                members.append(_Member(key, place.start, place.value, place.end))
        elif len(place.path) == len(path) and tuple(place.path) == path:
            return _Container(place.value, place.end, members)
    raise KeyError(path)


def _style(text: str) -> _Style:
    newline = "\r\n" if "\r\n" in text else "\n"
    top = _container(text, ())
    if not top.members:
        return _Style("  ", newline, ": ", ", ")
    first = top.members[0]
    gap = text[top.start + 1 : first.start]
    colon = re.search(r"[ \t]*:[ \t]*$", text[first.start : first.value])
    between = colon[0] if colon else ": "
    unit = gap.rpartition("\n")[2] if "\n" in gap else None
    return _Style(unit, newline, between, ", " if between != ":" else ",")


def _gap(text: str, container: _Container, style: _Style) -> str:
    if len(container.members) > 1:
        return text[container.members[-2].end : container.members[-1].start]
    lead = text[container.start + 1 : container.members[0].start]
    return "," + lead if "\n" in lead else style.comma


def _render(key: str | None, value: Any, style: _Style, gap: str) -> str:
    name = "" if key is None else json.dumps(key) + style.colon
    if style.unit is None or "\n" not in gap:
        return name + json.dumps(value, separators=(style.comma, style.colon))
    last_line = gap.rpartition("\n")[2]
    margin = last_line[: len(last_line) - len(last_line.lstrip())]
    body = json.dumps(value, indent=style.unit, separators=(",", style.colon))
    return name + body.replace("\n", style.newline + margin)
