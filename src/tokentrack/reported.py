"""Token counts as a payload reports them, in the shapes that are in use."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_TOKENS = 10**12

# our name -> the spellings in use, at the top level or inside `usage`, `token_usage`, `result`
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
    """Return the reported counts by kind and, as sentences, what was refused.

    Kinds: total, input, output, cache_read, cache_write, cached. A total that no field gives is
    the sum of the others, unless one of them was refused: a part is no sum.
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
        problems.append(f"{name} is no count of tokens: it is left out")
    else:
        usage[kind] = count


def as_count(value: Any) -> int | None:
    """Return a whole number from 0 to 10**12, None for anything else (true, NaN, "12", 1e300)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= MAX_TOKENS or value != int(value):
        return None
    return int(value)
