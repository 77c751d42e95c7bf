"""Decode the bytes of a hook file, or say in which line they are not JSON, and why."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import quote
from tokentrack.hookfiles.json_text import find_repeated, first_token
from tokentrack.hookfiles.problems import KeyPath, Problem, error, warning

if TYPE_CHECKING:
    from collections.abc import Callable

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(r"-?\d{4000,}")
_NOT_A_NUMBER = re.compile(r"-?Infinity|NaN")
_MARKDOWN = re.compile(r"[#*>`A-Za-z-]")
_TRAILING_COMMA = re.compile(r",\s*[}\]]")
_CONTROLS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CURLY_QUOTES = "\u201c\u201d\u2018\u2019"
_Explanation = tuple[str, str]  # what is wrong, and the fix


@dataclass(slots=True)
class Parsed:
    """A decoded file.

    Attributes:
        ok: whether it is JSON.
        repeats: whether an object has a key twice.
        text: the text, without a byte order mark.
        value: the decoded value.
        problems: what is wrong; there can be warnings even if `ok`.
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
            error(None, "the file is empty", "write a hook into it, or remove it", 1)
        )
        return parsed
    parsed.text = text
    _load(parsed)
    return parsed


def _decode(data: bytes, problems: list[Problem]) -> str | None:
    if name := _BOMS.get(data[:2]):
        problems.append(error(None, f"the file is encoded as {name}", "save it as UTF-8", 1))
        return None
    if data.startswith(_UTF8_BOM):
        problems.append(
            warning(
                None,
                "the file starts with a byte order mark, which many JSON parsers reject",
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
        parsed.problems.append(_explain(parsed.text, problem))
    except ValueError:
        parsed.problems.append(_bad_number(parsed.text))
    else:
        parsed.ok = True
        parsed.repeats = bool(twice)
        if twice:
            repeated = dict(find_repeated(parsed.text, twice))
            parsed.problems += [_repeated(keys) for keys in repeated]


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _bad_number(text: str) -> Problem:
    if line := first_token(text, _NOT_A_NUMBER):
        return error(None, "JSON cannot contain NaN or Infinity", "write a number", line)
    line = first_token(text, _LONG_NUMBER)
    return error(None, "a number has thousands of digits", "write a shorter number", line)


def _repeated(keys: KeyPath) -> Problem:
    return warning(keys, "duplicate key: only the last one is used", "remove the others")


# --- the common mistakes ---


def _explain(text: str, problem: json.JSONDecodeError) -> Problem:
    """Say where a text is not JSON, and which common mistake it is."""
    for recognise in _MISTAKES:
        if explanation := recognise(text, problem):
            message, fix = explanation
            break
    else:
        message = f"this is not JSON ({problem.msg[:1].lower()}{problem.msg[1:]})"
        fix = "fix the JSON here"
    return error(None, f"{message} (column {problem.colno})", fix, problem.lineno)


def _front_matter(text: str, _: json.JSONDecodeError) -> _Explanation | None:
    if not text.lstrip().startswith("---"):
        return None
    return "this is YAML front matter, not JSON", "write the hook as one JSON object"


def _code_fence(text: str, _: json.JSONDecodeError) -> _Explanation | None:
    if not text.lstrip().startswith("```"):
        return None
    return "the JSON is inside a Markdown code fence", "remove the lines with ```"


def _leading_text(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    at_start = not text[: problem.pos].strip()
    if not at_start or not _MARKDOWN.match(text[problem.pos :]):
        return None
    return "the file starts with text, not with JSON", "remove everything before the first {"


def _trailing_text(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    if problem.msg != "Extra data":
        return None
    rest = quote(text[problem.pos :].split("\n", 1)[0])
    return f"{rest} follows the end of the JSON", "remove everything from here on"


def _control_character(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    if not problem.msg.startswith("Invalid control character"):
        return None
    char = text[problem.pos]
    if char == "\n":
        return "a line ends inside a string", r"close the string, or write the line break as \n"
    spelled = _CONTROLS.get(char, f"\\u{ord(char):04x}")
    return "a string contains a raw control character", f"write it as {spelled}"


def _trailing_comma(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    comma = text.rfind(",", 0, problem.pos + 1)
    match = _TRAILING_COMMA.match(text, comma) if comma >= 0 else None
    if not match or match.end() <= problem.pos:
        return None
    return "trailing comma before a closing bracket", "remove the comma"


def _comment(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    if not text.startswith(("//", "/*", "#"), problem.pos):
        return None
    return "JSON cannot have comments or headings", "remove this line"


def _quotes(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    char = text[problem.pos : problem.pos + 1]
    if char == "'":
        return "string in single quotes", 'use double quotes: "…"'
    if char and char in _CURLY_QUOTES:
        return "string in typographic quotes", 'use straight quotes: "…"'
    return None


def _escape_sequence(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    if "\\" not in problem.msg:
        return None
    bad = quote(text[problem.pos : problem.pos + 2])
    return f"invalid escape {bad}", r"double the backslash: \\"


def _cut_off(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    if problem.msg.startswith("Unterminated string"):
        return "a string has no closing quote", 'add the missing "'
    if text[problem.pos :].strip():
        return None
    return "the JSON ends too early", "add what is missing: a value, a quote, a } or a ]"


def _missing_comma(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    if problem.msg != "Expecting ',' delimiter" or text[problem.pos] not in '"{[':
        return None
    return "a comma is missing here", "add a comma after the value before this"


def _stray_text(text: str, problem: json.JSONDecodeError) -> _Explanation | None:
    line = text[problem.pos :].split("\n", 1)[0]
    if not _MARKDOWN.match(line):
        return None
    return f"{quote(line)} is not JSON", "remove it, or put it in double quotes"


_MISTAKES: tuple[Callable[[str, json.JSONDecodeError], _Explanation | None], ...] = (
    _front_matter,
    _code_fence,
    _leading_text,
    _trailing_text,
    _control_character,
    _trailing_comma,
    _comment,
    _quotes,
    _escape_sequence,
    _cut_off,
    _missing_comma,
    _stray_text,
)
