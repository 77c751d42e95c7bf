"""Single turns from the index, with the texts that only the files have: ids and prompts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.timestamps import format_us
from tokentrack.models.columns import COLUMNS, split_list
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, USAGE_COLUMNS
from tokentrack.reports.credit_texts import decimal_text, units_of
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.index.tables import BASIS_MASK, FAILED
from tokentrack.reports.sources import JOINS, Source
from tokentrack.reports.turns.row_reader import PROMPT, ChangedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.groups import Words
    from tokentrack.reports.turns.row_reader import RowReader

_ID = COLUMNS.index("agent_execution_id")
_USAGE_ID = USAGE_COLUMNS.index("agent_execution_id")
_SHORTEST, _LONGEST = 8, 36
_FEW = 500
_SPREAD = 0x9E3779B97F4A7C15
_BASES = (UNKNOWN, REPORTED, ESTIMATED)
# By word, what turns are sorted by; the largest and the newest come first, unknown last.
_SORTS = {
    "when": (),
    "credits": ("a", "b", "c"),
    "time": ("micros",),
    "tokens": ("tokens",),
    "rate": ("case when micros > 0 then tokens * 1.0 / micros end",),
}
SORTS = tuple(_SORTS)
FIELDS = (
    "id", "when", "workspace", "session", "trigger", "hook", "surface", "model", "user", "machine",
    "credits", "tokens", "token_basis", "seconds", "tokens_per_second", "failed", "message",
    "patterns", "tags", "prompt",
)  # fmt: skip


class Row(NamedTuple):
    """A turn as the index has it; texts are the numbers of words."""

    id: int
    at: int
    place: int | None
    usage_place: int | None
    workspace: int | None
    session: int | None
    trigger: int | None
    hook: int | None
    surface: int | None
    model: int | None
    user: int | None
    machine: int | None
    a: int | None
    b: int | None
    c: int | None
    tokens: int | None
    basis: int
    micros: int | None
    failed: int
    message: int | None
    patterns: int | None
    tags: int | None


_WORDS = (
    "workspace", "session", "trigger", "hook", "surface", "model", "user", "machine", "message",
    "patterns", "tags",
)  # fmt: skip
_VALUES = {
    **{name: f"l.{name}" for name in ("workspace", "trigger", "hook")},
    **{name: f"u.{name}" for name in ("surface", "model", "user", "machine")},
    "session": "ifnull(t.session, t.usage_session)",
    "tokens": "t.tokens",
    "basis": f"ifnull(t.usage_kind, 0) & {BASIS_MASK}",
    "failed": f"ifnull(t.kind, 0) & {FAILED}",
}


def places_of(database: sqlite3.Connection, sources: Sequence[Source]) -> list[int]:
    """Return the places of the turns that have a row in a ledger."""
    statement = " union all ".join([
        f"{_select('t.place', source)} and t.place is not null" for source in sources
    ])  # fmt: skip
    return [place for (place,) in database.execute(statement)]


def ids_of(database: sqlite3.Connection, sources: Sequence[Source]) -> list[int]:
    """Return the numbers that stand for the ids of turns."""
    statement = " union all ".join([_select("t.id", source) for source in sources])
    return [number for (number,) in database.execute(statement)]


def select(
    database: sqlite3.Connection, sources: Sequence[Source], sort: str, limit: int
) -> Iterator[Row]:
    """Yield turns in their order, which does not depend on what was read first.

    Args:
        database: the index.
        sources: the tables and their conditions.
        sort: one of `SORTS`, with `-` in front for the other direction.
        limit: how many; 0 for all.
    """
    ranks = _SORTS[sort.removeprefix("-")]
    direction = "asc" if sort.startswith("-") else "desc"
    order = [f"rank{number} {direction}" for number in range(len(ranks))]
    order = ["rank0 is null", *order, "at desc", "id desc"] if order else [
        f"at {direction}", f"id {direction}",
    ]  # fmt: skip
    shown = ["t.id as id", "t.at as at"]
    shown += [f"{rank} as rank{number}" for number, rank in enumerate(ranks)]
    end = f" order by {', '.join(order)}{f' limit {limit}' if limit else ''}"
    if 0 < limit <= _FEW:
        # What decides the order is read of all turns, the rest of a few.
        narrow = [
            _select(", ".join([f"{number} as source", *shown]), source)
            for number, source in enumerate(sources)
        ]
        chosen = [row[:2] for row in database.execute(f"select * from ({_union(narrow)}){end}")]
        sources = [
            Source(source.table, (*source.conditions, f"t.id in ({_ids(chosen, number)})"))
            for number, source in enumerate(sources)
        ]
    values = [f"{_VALUES.get(name, f't.{name}')} as {name}" for name in Row._fields]
    wide = [_select(", ".join([*values, *shown[2:]]), source) for source in sources]
    width = len(Row._fields)
    for row in database.execute(f"select * from ({_union(wide)}){end}"):
        yield Row(*row[:width])


def _union(statements: Sequence[str]) -> str:
    return " union all ".join(statements)


def _ids(chosen: Sequence[Sequence[int]], wanted: int) -> str:
    return ", ".join([str(identity) for number, identity in chosen if number == wanted])


def _select(values: str, source: Source) -> str:
    conditions = " and ".join(source.conditions)
    return f"select {values} from {source.table} t{''.join(JOINS.values())} where {conditions}"


def rows_of(
    found: Sequence[Row], words: Words, reader: RowReader, database: sqlite3.Connection
) -> list[dict[str, Any]]:
    """Return turns with their texts, by `FIELDS`.

    Raises:
        ChangedError: a file has changed since it was read into the index.
        OSError: a file can't be read.
    """
    words.read(getattr(row, name) for row in found for name in _WORDS)
    places = {row.place for row in found} - {None}
    # A program's request has no ledger row.
    places |= {row.usage_place for row in found if row.place is None}
    texts: dict[int | None, tuple[str, str | None]] = {}
    for place, cells in reader.rows(place for place in places if place is not None):
        is_row = len(cells) == len(COLUMNS)
        texts[place] = (cells[_ID], cells[PROMPT]) if is_row else (cells[_USAGE_ID], None)
    made = []
    for row in found:
        identity, prompt = texts[row.usage_place if row.place is None else row.place]
        if not _is_id_of(identity, row.id, database):
            raise ChangedError
        made.append(_fields(row, identity, prompt, words))
    return made


def _is_id_of(identity: str, number: int, database: sqlite3.Connection) -> bool:
    key = key_of_text(identity)
    if key == number:
        return True
    query = "select 1 from alias where id = ?"
    return database.execute(query, (key,)).fetchone() is not None


def _fields(row: Row, identity: str, prompt: str | None, words: Words) -> dict[str, Any]:
    texts = {name: words[getattr(row, name)] for name in _WORDS}
    units = None if row.a is None else units_of(row.a, row.b or 0, row.c or 0)
    rate = None
    if row.tokens is not None and row.micros:
        rate = round(row.tokens * 1e6 / row.micros, 3)
    return {
        "id": identity,
        "when": format_us(row.at),
        **{name: texts[name] for name in FIELDS[2:10]},
        "credits": None if units is None else decimal_text(units),
        "tokens": row.tokens,
        "token_basis": _BASES[row.basis],
        "seconds": None if row.micros is None else row.micros / 1_000_000,
        "tokens_per_second": rate,
        "failed": bool(row.failed),
        "message": texts["message"],
        "patterns": split_list(texts["patterns"] or ""),
        "tags": split_list(texts["tags"] or ""),
        "prompt": prompt,
    }


def short_ids(identities: Sequence[str]) -> list[str]:
    """Return a short form of each id, by which `tokentrack show` finds it.

    It is the first eight digits of an id that begins with hexadecimal digits, perhaps after
    `exec_`; else `x` and seven digits of a code for the id, see `code_of`. Where several ids would
    look alike, more digits are shown.
    """
    unique = list(dict.fromkeys(identities))
    found: dict[str, str] = {}
    for length in range(_SHORTEST, _LONGEST + 1, 4):
        pending = [identity for identity in unique if identity not in found]
        shown = {identity: _short(identity, length) for identity in pending}
        counts = Counter(shown.values())
        found |= {identity: text for identity, text in shown.items() if counts[text] == 1}
    return [found.get(identity, identity) for identity in identities]


def _short(identity: str, length: int) -> str:
    start = identity.removeprefix("exec_")[:length]
    if all(char in "0123456789abcdef-" for char in start) and len(start) >= _SHORTEST:
        return start
    return code_of(key_of_text(identity))[:length]


def code_of(key: int) -> str:
    """Return `x` and sixteen hexadecimal digits for the number that stands for an id."""
    # The multiplication makes every digit depend on the whole number.
    return f"x{key * _SPREAD % 2**64:016x}"
