"""Where in a JSON text each key stands."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tokentrack.hookfiles.findings import KeyPath

    Path = list[str | int | None]

# Possessive, and an open string runs to the end of the text: linear on any input.
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)

_OPENING = {"[": 0, "{": None}
_CLOSING = frozenset("]}")


def _places(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the path and offset of each key and list element; the list is reused, so copy it.

    An object whose key has not come yet has None as its last part.
    """
    path: Path = []
    for match in TOKEN.finditer(text):
        piece = match.group()
        if piece in _CLOSING:
            path.pop()
        elif piece == ",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif piece != ":":
            yield from _place(path, piece, match.start())
        if piece in _OPENING:
            path.append(_OPENING[piece])


def _place(path: Path, piece: str, offset: int) -> Iterator[tuple[Path, int]]:
    if path and path[-1] is None:
        path[-1] = str(json.loads(piece))
        yield path, offset
    elif path and isinstance(path[-1], int):
        yield path, offset


def _line_of_root(text: str) -> int:
    match = TOKEN.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def find_lines(text: str, wanted: Collection[KeyPath], *, last: bool = False) -> dict[KeyPath, int]:
    """Return the line of each wanted key path in a valid JSON text that holds them all.

    With `last`, a key written twice is found where it counts: the last time.
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    deepest = max(map(len, wanted), default=0)
    found: dict[KeyPath, int] = {(): _line_of_root(text)}
    missing = set(wanted) - {()}
    for path, offset in _places(text):
        if not missing and not last:
            break
        if len(path) <= deepest and (keys := tuple(path)) in wanted:
            found[keys] = bisect_right(starts, offset)  # type: ignore[index]  # a wanted path has no None
            missing.discard(keys)
    return found


def find_duplicates(text: str, names: Collection[str]) -> list[KeyPath]:
    """Return the paths at which one of `names` is written more than once in the same object."""
    seen: set[tuple[str | int | None, ...]] = set()
    twice: dict[KeyPath, None] = {}
    for path, _ in _places(text):
        if path[-1] not in names:
            continue
        if (keys := tuple(path)) in seen:
            twice[keys] = None  # type: ignore[index]  # a key just read is no None
        seen.add(keys)
    return list(twice)


def first_token(text: str, pattern: re.Pattern[str]) -> int | None:
    """Return the line of the first token outside strings that fits `pattern` completely."""
    for match in TOKEN.finditer(text):
        if pattern.fullmatch(match.group()):
            return text.count("\n", 0, match.start()) + 1
    return None
