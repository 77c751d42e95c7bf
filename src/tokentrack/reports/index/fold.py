"""From staged rows to executions: its row, and its usage fields merged one by one.

The same two statements build the index, follow the files and merge the rows of one ledger. In a
build everything is staged, so the order in which rows come is the order that decides. A follow
may only append to that order; where it would not, `follow_problem` says so, and the index is
built anew.
"""

from __future__ import annotations

from tokentrack.reports.index.row_staging import BEFORE_1970, IMPORTED_BIT
from tokentrack.reports.index.tables import BASIS_MASK, IMPORTED, TRACKED

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3

_MASK = (1 << IMPORTED_BIT) - 1
# The staged values: 0 is an unknown text or number of tokens, -1 another unknown number.
_ROW_FIELDS = (
    ("at", f"(n.ordering & {_MASK}) - {BEFORE_1970}"),
    ("kind", "n.kind"),
    ("tokens", "nullif(n.tokens, 0)"),
    ("micros", "nullif(n.micros, -1)"),
    ("session", "nullif(n.session, 0)"),
    ("message", "nullif(n.message, 0)"),
    ("patterns", "nullif(n.patterns, 0)"),
    ("place", "n.place"),
)
_IS_SAME_LEDGER = "ledger = case when ledger = excluded.ledger then ledger else 0 end"
# A later row's known values replace earlier ones.
_MERGED = ("usage_session", "tags", "input", "output", "cached", "a")
_COUNTS = "nullif(k.input, -1), nullif(k.output, -1), nullif(k.cached, -1)"


def fold_rows(database: sqlite3.Connection, target: str, key: str, source: str) -> None:
    """Merge staged rows of ledgers into `turn` or `part`.

    Args:
        database: the index.
        target: the table.
        key: the execution's id, an expression.
        source: the staged rows as `n`, and what they are joined with.
    """
    names = ", ".join([name for name, _ in _ROW_FIELDS])
    values = ", ".join([value for _, value in _ROW_FIELDS])
    kept = ", ".join([
        f"{name} = case when kind is null then excluded.{name} else {name} end"
        for name, _ in _ROW_FIELDS
    ])  # fmt: skip
    database.execute(
        f"insert into {target} (id, ledger, {names}) select {key}, n.ledger, {values} "
        f"from {source} where true order by 1, n.ordering, n.place "
        f"on conflict ({_key_of(target)}) do update set "
        f"copies = copies + (kind is not null), {_IS_SAME_LEDGER}, {kept}"
    )


def fold_usage(database: sqlite3.Connection, target: str, key: str, source: str) -> None:
    """Merge staged usage rows into `turn` or `part`; the arguments are those of `fold_rows`."""
    merged = ", ".join([f"{name} = ifnull(excluded.{name}, {name})" for name in _MERGED])
    counts = "null, null, null"
    if database.execute("select 1 from new_counts limit 1").fetchone():
        counts, source = _COUNTS, f"{source} left join new_counts k on k.place = n.place"
    limbs = ", ".join([
        f"{name} = case when excluded.a is null then {name} else excluded.{name} end"
        for name in "bc"
    ])  # fmt: skip
    database.execute(
        f"insert into {target} (id, ledger, usage_kind, recorded_at, usage_place, "
        f"{', '.join(_MERGED)}, b, c) select {key}, n.ledger, n.kind, n.at, n.place, "
        f"nullif(n.session, 0), nullif(n.tags, 0), {counts}, nullif(n.a, -1), n.b, n.c "
        f"from {source} where true order by 1, n.at, n.place "
        f"on conflict ({_key_of(target)}) do update set "
        "superseded = superseded + (usage_kind is not null), usage_kind = case "
        "when usage_kind is null or usage_kind = excluded.usage_kind then excluded.usage_kind "
        "else merged_kind(usage_kind, excluded.usage_kind) end, "
        "recorded_at = excluded.recorded_at, usage_place = excluded.usage_place, "
        f"{_IS_SAME_LEDGER}, {merged}, {limbs}"
    )


def settle(database: sqlite3.Connection, target: str, condition: str = "true") -> None:
    """Work out what depends on both kinds of rows.

    Tracked requests are turns of the time when they were recorded, without credits, whatever a
    row of another source says. The tokens of a turn are those
    of its usage rows, else those of its ledger row, where 0 is known only if a usage row says what
    the number is.

    Args:
        database: the index.
        target: the table.
        condition: which executions are looked at.
    """
    is_known = f"usage_kind & {BASIS_MASK}"
    database.execute(
        f"update {target} set at = case when kind is not null then at "
        f"when usage_kind & {TRACKED} then recorded_at end, "
        "tokens = case when input is null and output is null "
        f"then ifnull(tokens, case when {is_known} then 0 end) "
        "else ifnull(input, 0) + ifnull(output, 0) end "
        "where (kind is null or input is not null or output is not null "
        f"or (tokens is null and {is_known})) and {condition}"
    )
    query = f"select 1 from usage_kind where n & {TRACKED} limit 1"
    if database.execute(query).fetchone() is not None:
        database.execute(
            f"update {target} set a = null, b = null, c = null "
            f"where kind is null and usage_kind & {TRACKED} and a is not null and {condition}"
        )


def _key_of(target: str) -> str:
    return "id" if target == "turn" else "ledger, id"


# Each finds a staged row that a follow can't merge.
_BEFORE = {
    "a row is older than one that was read before":
        f"""select 1 from new_row n join turn t on t.id = n.id where n.ordering <
        (t.kind & {IMPORTED}) << {IMPORTED_BIT - 1} | (t.at + {BEFORE_1970})
        and t.kind is not null""",
    "a usage row is older than one that was read before":
        "select 1 from new_usage n join turn t on t.id = n.id where n.at < t.recorded_at",
    # Which of them counts depends on the ledgers' paths.
    "rows of one execution have the same time in several ledgers":
        f"""select 1 from new_row n join turn t on t.id = n.id
        where n.ledger <> t.ledger and t.kind is not null and n.ordering =
        (t.kind & {IMPORTED}) << {IMPORTED_BIT - 1} | (t.at + {BEFORE_1970})
        union all select 1 from new_usage n join turn t on t.id = n.id
        where n.ledger <> t.ledger and n.at = t.recorded_at
        union all select 1 from new_row n join new_row m using (id, ordering)
        where n.ledger < m.ledger
        union all select 1 from new_usage n join new_usage m using (id, at)
        where n.ledger < m.ledger""",
    # What other rows say of its credits was left out.
    "a tracked request has a row of another kind": " union all ".join([
        f"""select 1 from (select id, ledger from new_row union all
        select id, ledger from new_usage where not kind & {TRACKED}) n
        join {target} t on t.id = n.id where t.kind is null and t.usage_kind & {TRACKED}"""
        for target in ("turn", "part")
    ]),
    "an execution has several ids":
        """select 1 from alias join (select id from new_row union select id from new_usage)
        using (id)""",
}  # fmt: skip
_AFTER = {
    "two executions are one turn of Kiro":
        """select 1 from (select id, link, source from new_usage where link >= 0
        union all select id, link, source from new_node) n
        join link l on l.hash = n.link and l.source = n.source where l.id <> n.id""",
    "an execution has the id of another one's turn in Kiro":
        """select 1 from new_usage n left join turn t on t.id = n.link
        where n.link >= 0 and n.link <> n.id
        and (t.kind is not null or n.link in (select id from alias))""",
    "an execution has the id of a turn in Kiro that another one has":
        "select 1 from new_row n join link l on l.hash = n.id where l.id <> n.id",
}  # fmt: skip


def follow_problem(database: sqlite3.Connection, *, is_merged: bool) -> str:
    """Return why the staged rows can't be merged into what is there, "" where they can.

    Args:
        database: the index, with staged rows.
        is_merged: whether they were merged already; each time other things are looked at.
    """
    for reason, query in (_AFTER if is_merged else _BEFORE).items():
        if database.execute(f"{query} limit 1").fetchone():
            return reason
    return ""
