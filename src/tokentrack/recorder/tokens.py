"""Token counts: those that a payload reports, and estimates of its texts.

Reported counts are read in every shape that is in use.
"""

from __future__ import annotations

from tokentrack.models.columns import as_count

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# kind -> the spellings in use, at the top level or inside `usage`, `token_usage`, `result`
_SPELLINGS = (
    ("total", ("tokens_used", "total_tokens", "total")),
    ("input", ("input_tokens", "prompt_tokens", "input")),
    ("output", ("output_tokens", "completion_tokens", "output")),
    ("cache_read", ("cache_read_input_tokens",)),
    ("cache_write", ("cache_creation_input_tokens",)),
    ("cached", ("cached_tokens",)),
)
# `cached` is a part of `input`; the two cache counts of the other shape come on top of it.
_SUMMED = ("input", "output", "cache_read", "cache_write")
_HOLDERS = ("usage", "token_usage", "result")
_TOP_LEVEL_ONLY_INSIDE = frozenset({"total", "input", "output"})


def reported_usage(fields: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Return the reported counts by kind, and a sentence for each value that was refused.

    Kinds: total, input, output, cache_read, cache_write, cached. If no field has the total, it is
    the sum of the others, unless one of them was refused.
    """
    usage: dict[str, int] = {}
    problems: list[str] = []
    for place, holder in _holders(fields):
        for kind, spellings in _SPELLINGS:
            for spelling in spellings:
                if spelling in holder and not (place == "" and spelling in _TOP_LEVEL_ONLY_INSIDE):
                    _take(usage, problems, kind, spelling, holder[spelling])
    if "total" not in usage and usage and not problems:
        usage["total"] = sum(usage.get(kind, 0) for kind in _SUMMED)
    return usage, problems


def _holders(fields: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = [("", fields)]
    for name in _HOLDERS:
        inner = fields.get(name)
        if isinstance(inner, dict):
            found.append((name, inner))
            found += [(n, inner[n]) for n in _HOLDERS[:2] if isinstance(inner.get(n), dict)]
    return found


def _take(usage: dict[str, int], problems: list[str], kind: str, name: str, value: Any) -> None:
    if value is None or kind in usage:
        return
    count = as_count(value)
    if count is None:
        problems.append(f"{name} is not a number of tokens: ignored")
    else:
        usage[kind] = count


# One byte for each character: the class of the first byte of its UTF-8 form.
_CLASSES = (
    b"#" * 9 + b"\n\n##\n" + b"#" * 18 + b" " + b"#" * 15 + b"0" * 10 + b"#" * 7
    + b"A" * 26 + b"#" * 6 + b"a" * 26 + b"#" * 5  # ASCII
    + b"?" * 64  # the later bytes of a character: left out
    + b"L" * 12  # Latin with accents
    + b"G" * 4  # Greek
    + b"C" * 4  # Cyrillic
    + b"R" * 12  # Armenian, Hebrew, Arabic
    + b"I" * 2  # the scripts of India and South-East Asia
    + b"P"  # punctuation, arrows, boxes, signs
    + b"J"  # kana, and the punctuation of Chinese and Japanese
    + b"K" * 6  # Chinese characters
    + b"N" * 4  # Hangul
    + b"P" * 2
    + b"E" * 16  # emoji
)  # fmt: skip
_LATER_BYTES = bytes(range(0x80, 0xC0))

# Hundredths of a token for one of these.
_WEIGHTS = (
    (b"a", 3), (b"A", 9), (b"aA", 100),  # a word has more by its letters, and by camelCase
    (b"0", 13), (b" 0", 114), (b"\n0", 114), (b"#0", 114), (b"a0", 114), (b"A0", 114),
    (b"#", 72), (b"##", -40),  # symbols; two of them are often one token
    (b"\n", 100), (b"L", 220), (b"G", 132), (b"C", 61), (b"R", 106), (b"I", 152), (b"P", 141),
    (b"J", 98), (b"K", 107), (b"N", 136), (b"E", 296),
)  # fmt: skip
_WORD = 99
_BEFORE_WORD = (b" a", b"\na", b"#a", b"0a")
_LETTERS = bytes.maketrans(b"AL", b"aa")


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` is, in linear time; 0 only for an empty text.

    Words, digits, symbols, line ends and the characters of other scripts have weights of their
    own. A single space belongs to the word that follows it.
    """
    if not text:
        return 0
    classes = text.encode("utf-8", "surrogatepass").translate(_CLASSES, _LATER_BYTES)
    words = classes.translate(_LETTERS)
    hundredths = _WORD * words.startswith(b"a")
    for start in _BEFORE_WORD:
        hundredths += _WORD * words.count(start)
    for pattern, weight in _WEIGHTS:
        hundredths += weight * classes.count(pattern)
    return max(1, (hundredths + 50) // 100)
