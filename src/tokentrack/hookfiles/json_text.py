"""Where the keys and values of a JSON text are, found in one pass over its tokens."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tokentrack.hookfiles.problems import KeyPath

# Possessive, and an open string runs to the end of the text: linear on any input.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_OPENING = {"[": 0, "{": None}
_CLOSING = frozenset("]}")


class ValueSpan(NamedTuple):
    """A value of a JSON text, as offsets.

    Attributes:
        path: its keys and indices; the list is used again for the next value, so copy it.
        start: where its key starts, or the value itself where it has none.
        value: where the value starts.
        end: where the value ends.
        parent: where the object or list around it starts, -1 for the outermost value.
    """

    path: list[str | int | None]
    start: int
    value: int
    end: int
    parent: int


def walk(text: str) -> Iterator[ValueSpan]:
    """Yield where the values of a valid JSON text are, inner values before outer ones."""
    path: list[str | int | None] = []  # None is a key that has not come yet
    opened: list[tuple[int, int]] = []  # the start and value of each object or list around
    key_at = 0
    for match in _TOKEN.finditer(text, 1 if text.startswith("\ufeff") else 0):
        piece, at = match[0], match.start()
        if piece == ":":
            continue
        if piece == ",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
            continue
        if piece in _CLOSING:
            path.pop()
            start, value = opened.pop()
        elif path and path[-1] is None:
            path[-1], key_at = str(json.loads(piece)), at
            continue
        else:
            start, value = (key_at if path and isinstance(path[-1], str) else at), at
            if piece in _OPENING:
                path.append(_OPENING[piece])
                opened.append((start, value))
                continue
        yield ValueSpan(path, start, value, match.end(), opened[-1][1] if opened else -1)


def find_lines(text: str, wanted: Collection[KeyPath], *, last: bool = False) -> dict[KeyPath, int]:
    """Return the line of each wanted key path in a valid JSON text that has them all.

    With `last`, a key that is written twice is found the last time, where it is in force.
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    deepest = max(map(len, wanted), default=0)
    found: dict[KeyPath, int] = {}
    missing = set(wanted)
    for place in walk(text):
        if len(place.path) > deepest:
            continue
        keys: KeyPath = tuple(place.path)  # type: ignore[arg-type]  # a value has no open key
        if keys in missing or (last and keys in found):
            found[keys] = bisect_right(starts, place.start)
            missing.discard(keys)
        if not missing and not last:
            break
    return found


def find_repeated(text: str, names: Collection[str]) -> Iterator[tuple[KeyPath, int]]:
    """Yield the path and offset of each key that its object has had before.

    Args:
        text: a JSON text that is valid at least up to the first repetition.
        names: the keys to look for.
    """
    seen: set[tuple[int, str | int | None]] = set()
    for place in walk(text):
        if not place.path or place.path[-1] not in names:
            continue
        key = (place.parent, place.path[-1])
        if key in seen:
            yield tuple(place.path), place.start  # type: ignore[arg-type]
        seen.add(key)


def first_token(text: str, pattern: re.Pattern[str]) -> int | None:
    """Return the line of the first token outside strings that fits `pattern` completely."""
    for match in _TOKEN.finditer(text):
        if pattern.fullmatch(match.group()):
            return text.count("\n", 0, match.start()) + 1
    return None
