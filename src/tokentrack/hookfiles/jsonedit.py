"""Edit JSON as text: what is not touched keeps every byte, number literals and layout included."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

from tokentrack.hookfiles.plan import RefusedError

Path = tuple[str | int, ...]
_SPACE = re.compile(r"[ \t\n\r]*")
# Literals stay text: nobody computes with them, and no number is too long.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_MAX_DEPTH = 100
_TOO_DEEP = "is nested more than 100 levels deep, which no file of Kiro's is: mend it first"


class _RepeatedError(ValueError):
    """A key that one object has twice."""


class _Member(NamedTuple):
    key: str | int
    start: int  # of the key, or of an array's item
    value: int
    end: int


class _Box(NamedTuple):
    start: int
    end: int
    members: list[_Member]


class _Style(NamedTuple):
    unit: str | None  # one level of indentation, None when all is on one line
    newline: str
    colon: str
    comma: str


def load(text: str) -> Any:
    """Return the decoded value of strict JSON.

    Raises:
        RefusedError: with the line; a key that is twice in one object is refused too, since nobody
            can know which of the two Kiro takes.
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise RefusedError(
            f"line {error.lineno} is not JSON: {error.msg}; mend it first"
        ) from error
    except _RepeatedError as error:
        raise RefusedError(_repeated_message(text)) from error
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
    raise RefusedError(f"contains {name}, which is not JSON: mend it first")


def _repeated_message(text: str) -> str:
    member = _repeated(text, _find(text, ()))
    if member is None:
        return "has a key twice in one object: remove one of the two"
    number = text.count("\n", 0, member.start) + 1
    return f'line {number} has the key "{member.key}" a second time: remove one of the two'


def _repeated(text: str, start: int) -> _Member | None:
    seen: set[str | int] = set()
    for member in _scan(text, start).members:
        if member.key in seen:
            return member
        seen.add(member.key)
        inner = _repeated(text, member.value) if text[member.value] in "{[" else None
        if inner:
            return inner
    return None


def line_of(text: str, path: Path) -> int:
    """Return the number of the line on which a value starts."""
    return text.count("\n", 0, _find(text, path)) + 1


def add(text: str, path: Path, key: str | None, value: Any) -> str:
    """Return the text with a member (or, with no key, an item) added at the end of a container."""
    box = _scan(text, _find(text, path))
    style = _style(text)
    if not box.members:
        gap = "" if style.unit is None else style.newline + style.unit * (len(path) + 1)
        end = "" if style.unit is None else style.newline + style.unit * len(path)
        return (
            text[: box.start + 1]
            + gap
            + _render(key, value, style, gap)
            + end
            + text[box.end - 1 :]
        )
    last = box.members[-1]
    gap = _gap(text, box, style)
    return text[: last.end] + gap + _render(key, value, style, gap) + text[last.end :]


def put(text: str, path: Path, value: Any) -> str:
    """Return the text with the value at `path` replaced."""
    box = _scan(text, _find(text, path[:-1]))
    member = next(m for m in box.members if m.key == path[-1])
    gap = text[box.start + 1 : box.members[0].start]
    return text[: member.value] + _render(None, value, _style(text), gap) + text[member.end :]


def drop(text: str, path: Path) -> str:
    """Return the text without the member or item at `path`."""
    box = _scan(text, _find(text, path[:-1]))
    place = next(i for i, m in enumerate(box.members) if m.key == path[-1])
    if len(box.members) == 1:
        return text[: box.start + 1] + text[box.end - 1 :]
    if place == 0:
        return text[: box.members[0].start] + text[box.members[1].start :]
    return text[: box.members[place - 1].end] + text[box.members[place].end :]


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _scan(text: str, start: int) -> _Box:
    closing = "}" if text[start] == "{" else "]"
    members: list[_Member] = []
    at = _skip(text, start + 1)
    while text[at] != closing:
        begin, key = at, len(members)
        if closing == "}":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        end = _DECODER.raw_decode(text, at)[1]
        members.append(_Member(key, begin, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return _Box(start, at + 1, members)


def _find(text: str, path: Path) -> int:
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    for key in path:
        at = next(m.value for m in _scan(text, at).members if m.key == key)
    return at


def _style(text: str) -> _Style:
    newline = "\r\n" if "\r\n" in text else "\n"
    top = _scan(text, _find(text, ()))
    if not top.members:
        return _Style("  ", newline, ": ", ", ")
    first = top.members[0]
    gap = text[top.start + 1 : first.start]
    colon = re.search(r"[ \t]*:[ \t]*$", text[first.start : first.value])
    between = colon[0] if colon else ": "
    unit = gap.rpartition("\n")[2] if "\n" in gap else None
    return _Style(unit, newline, between, ", " if between != ":" else ",")


def _gap(text: str, box: _Box, style: _Style) -> str:
    if len(box.members) > 1:
        return text[box.members[-2].end : box.members[-1].start]
    lead = text[box.start + 1 : box.members[0].start]
    return "," + lead if "\n" in lead else style.comma


def _render(key: str | None, value: Any, style: _Style, gap: str) -> str:
    name = "" if key is None else json.dumps(key) + style.colon
    if style.unit is None or "\n" not in gap:
        return name + json.dumps(value, separators=(style.comma, style.colon))
    last_line = gap.rpartition("\n")[2]
    margin = last_line[: len(last_line) - len(last_line.lstrip())]
    body = json.dumps(value, indent=style.unit, separators=(",", style.colon))
    return name + body.replace("\n", style.newline + margin)
