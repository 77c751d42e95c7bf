"""Turn the bytes of a file into JSON, or say in which line it stops being JSON, and why."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tokentrack.hookfiles.findings import Problem, error, warning
from tokentrack.hookfiles.locate import find_duplicates, first_token
from tokentrack.hookfiles.mistakes import explain

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(r"-?\d{4000,}")
_NO_NUMBER = re.compile(r"-?Infinity|NaN")


@dataclass(slots=True)
class Parsed:
    """A decoded file; `problems` may hold warnings even when `ok`.

    `repeats` when an object has a key twice.
    """

    ok: bool = False
    repeats: bool = False
    text: str = ""
    value: Any = None
    problems: list[Problem] = field(default_factory=list)


def parse(data: bytes) -> Parsed:
    """Decode the bytes of a hook file.

    Raises:
        RecursionError: the JSON is nested too deeply.
    """
    parsed = Parsed()
    text = _decode(data, parsed.problems)
    if text is None:
        return parsed
    if not text.strip():
        parsed.problems.append(
            error(None, "the file is empty", "write the hook into it, or remove it", 1)
        )
        return parsed
    parsed.text = text
    _load(parsed)
    return parsed


def _decode(data: bytes, problems: list[Problem]) -> str | None:
    if name := _BOMS.get(data[:2]):
        problems.append(error(None, f"the file is {name}", "save it as UTF-8", 1))
        return None
    if data.startswith(_UTF8_BOM):
        problems.append(
            warning(
                None,
                "the file starts with a byte order mark, which many JSON readers refuse",
                "save it as UTF-8 without BOM",
                1,
            )
        )
        data = data[len(_UTF8_BOM) :]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        message = f"byte 0x{data[problem.start]:02x} is not UTF-8"
        problems.append(error(None, message, "save the file as UTF-8", line))
        return None


def _load(parsed: Parsed) -> None:
    twice: set[str] = set()

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) != len(items):
            counts = Counter(name for name, _ in items)
            twice.update(name for name, count in counts.items() if count > 1)
        return value

    try:
        parsed.value = json.loads(
            parsed.text, object_pairs_hook=pairs, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as problem:
        parsed.problems.append(explain(parsed.text, problem))
    except ValueError:
        parsed.problems.append(_bad_number(parsed.text))
    else:
        parsed.ok = True
        parsed.repeats = bool(twice)
        parsed.problems += map(_written_twice, find_duplicates(parsed.text, twice) if twice else ())


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _bad_number(text: str) -> Problem:
    if line := first_token(text, _NO_NUMBER):
        return error(None, "JSON has no NaN or Infinity", "write a number", line)
    line = first_token(text, _LONG_NUMBER)
    return error(None, "a number has thousands of digits", "write a shorter number", line)


def _written_twice(keys: tuple[str | int, ...]) -> Problem:
    return warning(
        keys, "the key is written twice and only the last one counts", "remove one of them"
    )
