"""One turn on a terminal: a paragraph for each field, then its rows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import escape
from tokentrack.common.timestamps import format_us, parse
from tokentrack.reports.render.screen import width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.reports.render.screen import Screen
    from tokentrack.reports.turns.one_turn import OneTurn
    from tokentrack.reports.zones import Zone

_UNKNOWN = "–"
_SHOWN = (
    "when", "workspace", "session", "trigger", "hook", "surface", "model", "credits", "cost",
    "tokens", "input_tokens", "output_tokens", "cached_tokens", "context_percent", "seconds",
    "failed", "message", "user", "machine", "patterns", "tags", "source_id", "prompt",
)  # fmt: skip
_ALWAYS = frozenset({"when", "workspace", "model", "credits", "tokens", "seconds", "failed",
                     "prompt"})  # fmt: skip
_INDENT = 17
_COST_PLACES = 6


def one_turn_lines(found: OneTurn, screen: Screen, zone: Zone) -> Iterator[str]:
    """Yield the lines of a turn, none of them wider than the screen.

    Args:
        found: the turn.
        screen: how wide it is, and what it can show.
        zone: whose local times are shown.
    """
    for line in _wrapped(f"Turn {escape(found.turn['id'])}", screen.width):
        yield screen.paint(line, "bold")
    yield ""
    for name in _SHOWN:
        fact = found.fields.get(name)
        if fact is not None and (fact["value"] not in (None, [], "") or name in _ALWAYS):
            value = _cost(fact) if name == "cost" else _value(name, fact["value"], zone)
            parts = [value, *_origin(fact, zone)]
            yield from _paragraph(name.replace("_", " "), parts, screen)
    for row in found.rows:
        parts = [f"{escape(row['file'])}, line {row['line']:,}"]
        parts.append(_part_of(row, found.fields))
        yield from _paragraph(f"{row['kind']} row", parts, screen)


def _part_of(row: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> str:
    # An earlier usage row still gives what later ones do not know.
    if row["counts"]:
        return "counts"
    given = [
        name.replace("_", " ")
        for name in _SHOWN
        if name in fields
        and fields[name]["value"] not in (None, "", [])
        and (fields[name]["file"], fields[name]["line"]) == (row["file"], row["line"])
    ]
    return f"superseded but for {', '.join(given)}" if given else "superseded"


def _value(name: str, value: Any, zone: Zone) -> str:
    if value is None:
        return _UNKNOWN
    if name == "when":
        return _local(value, zone)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return escape(", ".join(value))
    if name == "seconds":
        return f"{value:,} s"
    return f"{value:,}" if isinstance(value, int) else escape(value) or _UNKNOWN


def _cost(fact: Mapping[str, Any]) -> str:
    amount = Decimal(fact["value"])
    digits = format(round(amount, _COST_PLACES).normalize(), "f")
    mark = "$" if fact["currency"] == "USD" else f"{fact['currency']} "
    return f"{mark}{digits}"


def _origin(fact: Mapping[str, Any], zone: Zone) -> list[str]:
    # A value that only the event of a turn can have needs no source.
    if fact["basis"] is None:
        return []
    parts = [fact["basis"], fact["source"]]
    if fact["read_at"]:
        parts.append(f"read {_local(fact['read_at'], zone)}")
    return [escape(part) for part in parts if part]


def _local(when: str, zone: Zone) -> str:
    at = parse(when)
    return format_us(at + zone.offset(at))[:19].replace("T", " ")


def _paragraph(name: str, parts: Sequence[str], screen: Screen) -> Iterator[str]:
    text = screen.plain(" · ".join(parts))
    for number, line in enumerate(_wrapped(text, screen.width - _INDENT)):
        head = "" if number else name
        yield f"{head:<{_INDENT}}{line}".rstrip()


def _wrapped(text: str, width: int) -> Iterator[str]:
    # By words; a word that is wider than a line is broken.
    line, taken = "", 0
    for word in text.split(" "):
        length = width_of(word)
        if line and taken + 1 + length > width:
            yield line
            line, taken = "", 0
        elif line:
            line, taken = f"{line} ", taken + 1
        for char in word:
            columns = width_of(char)
            if taken + columns > width:
                yield line
                line, taken = "", 0
            line, taken = line + char, taken + columns
    yield line
