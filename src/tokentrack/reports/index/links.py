"""Ids that name one turn of one of Kiro's stores, and executions with rows in several ledgers.

Usage rows of one source and source id belong to one execution, and so does the ledger row whose
id is that source id, or both joined by a colon. In a build this is found out about all rows at
once; a follow that meets such a row builds anew. Rows of one execution in several ledgers are
followed, unless two have the same time: then the ledgers' paths decide.
"""

from __future__ import annotations

from tokentrack.reports.index.fold import fold_rows, fold_usage, settle
from tokentrack.reports.index.tables import STAGED_IDS

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_LINKED = """
select ledger, link, source, id from new_usage where link >= 0
union all select ledger, link, source, id from new_node
"""
_LINKS = f"""
insert into link (hash, source, id, other)
select link, source, min(id), nullif(max(id), min(id)) from ({_LINKED}) group by link, source
"""
_MORE_LINKS = f"""
insert or ignore into link (hash, source, id) select link, source, id from ({_LINKED})
"""
_SEVERAL_IDS = """
create temp table several_ids (hash integer, source integer, primary key (hash, source))
without rowid
"""
_SAME_TURN = f"""
select link, source, id from ({_LINKED}) where (link, source) in several_ids
"""
_NAMED_TURN = """
select l.hash, l.source, l.id from link l cross join turn t on t.id = l.hash
where t.kind is not null and (l.id <> l.hash or l.other is not null)
"""
_NAMED = """
create temp table named_turn (hash integer, source integer, primary key (hash, source))
without rowid
"""
_WITH_USAGE = """
select distinct n.link, n.source from new_usage n cross join named_turn m
where m.hash = n.link and m.source = n.source
"""
_IS_SHARED = """
id in (select id from turn where ledger = 0 union
       select id from alias where root in (select id from turn where ledger = 0))
"""
_SHARED = (
    f"create temp table shared_row as select * from new_row where {_IS_SHARED}",
    f"create temp table shared_usage as select * from new_usage where {_IS_SHARED}",
    """create temp table in_ledger (
        ledger integer, id integer, root integer, primary key (ledger, id)) without rowid""",
    """insert into in_ledger select ledger, id, id from (
        select ledger, id from shared_row union select ledger, id from shared_usage)""",
)
_LINKED_IN_LEDGERS = """
select ledger, link, source, id, is_usage from (
    select ledger, link, source, id, 1 is_usage from new_usage where link >= 0
    union all select ledger, link, source, id, 0 from new_node)
where id in (select id from alias) and (ledger, id) in (select ledger, id from in_ledger)
"""
_ROWS_IN_LEDGERS = "select distinct ledger, id from shared_row where id in (select id from alias)"


class _Groups:
    # Things that belong together, found by union; the smallest member stands for a group.

    def __init__(self) -> None:
        self._above: dict[tuple[int, ...], tuple[int, ...]] = {}

    def root(self, member: tuple[int, ...]) -> tuple[int, ...]:
        above = self._above.setdefault(member, member)
        while above != member:
            self._above[member] = self._above[above]
            member = self._above[member]
            above = self._above[member]
        return member

    def join(self, one: tuple[int, ...], other: tuple[int, ...]) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low

    def members(self) -> list[tuple[int, ...]]:
        return list(self._above)


def add_links(database: sqlite3.Connection) -> None:
    """Keep which turn of Kiro the staged rows of a follow are."""
    database.execute(_MORE_LINKS)


def link_ids(database: sqlite3.Connection) -> None:
    """Find the executions with several ids among all staged rows; those of ledgers are merged.

    Each of their ids gets an entry in `alias`, and their ledger rows are merged again.
    """
    database.execute(_LINKS)
    named = _named_turns(database)
    pairs = [*_same_turn(database), *named]
    if not pairs:
        return
    groups = _Groups()
    for link, source, identity in pairs:
        # A turn of Kiro is a member too, which has no id of its own.
        groups.join((0, identity), (1, link, source))
    for link, source, _ in named:
        groups.join((0, link), (1, link, source))
    aliases = [(m[1], groups.root(m)[1]) for m in groups.members() if m[0] == 0]
    database.executemany("insert into alias values (?, ?)", aliases)
    database.execute("delete from turn where id in (select id from alias)")
    fold_rows(database, "turn", "m.root", "new_row n join alias m on m.id = n.id")


def _named_turns(database: sqlite3.Connection) -> list[tuple[int, int, int]]:
    # Only a usage row says that a ledger row with the id of a source's turn is that turn.
    named = database.execute(_NAMED_TURN).fetchall()
    if not named:
        return []
    database.execute(_NAMED)
    turns = {(link, source) for link, source, _ in named}
    database.executemany("insert into named_turn values (?, ?)", turns)
    told = set(database.execute(_WITH_USAGE))
    database.execute("drop table temp.named_turn")
    return [found for found in named if found[:2] in told]


def _same_turn(database: sqlite3.Connection) -> Iterable[tuple[int, int, int]]:
    database.execute(_SEVERAL_IDS)
    added = database.execute(
        "insert into several_ids select hash, source from link where other is not null"
    )
    found = database.execute(_SAME_TURN).fetchall() if added.rowcount else []
    database.execute("drop table temp.several_ids")
    return found


def fold_all_usage(database: sqlite3.Connection) -> None:
    """Merge all staged usage rows, those of an execution with several ids into one."""
    if database.execute("select 1 from alias limit 1").fetchone():
        source = "new_usage n left join alias m on m.id = n.id"
        fold_usage(database, "turn", "ifnull(m.root, n.id)", source)
    else:
        fold_usage(database, "turn", "n.id", "new_usage n")


def fold_parts(database: sqlite3.Connection) -> None:
    """Merge, for each ledger, its staged rows of the executions that others have as well."""
    if not database.execute("select 1 from turn where ledger = 0 limit 1").fetchone():
        return
    for statement in _SHARED:
        database.execute(statement)
    _link_in_ledgers(database)
    joined = "join in_ledger m on m.ledger = n.ledger and m.id = n.id"
    fold_rows(database, "part", "m.root", f"shared_row n {joined}")
    fold_usage(database, "part", "m.root", f"shared_usage n {joined}")
    settle(database, "part")
    for name in ("shared_row", "shared_usage", "in_ledger"):
        database.execute(f"drop table temp.{name}")


def keep_parts(database: sqlite3.Connection) -> None:
    """Before a follow merges rows of other ledgers into executions, keep what these are without."""
    database.execute(
        "insert into part select * from turn where ledger <> 0 and id in (select n.id from "
        "(select id, ledger from new_row union select id, ledger from new_usage) n "
        "join turn t on t.id = n.id where n.ledger <> t.ledger)"
    )


def fold_new_parts(database: sqlite3.Connection) -> None:
    """Merge, for each ledger, the staged rows of a follow if other ledgers have the execution."""
    query = f"select 1 from turn where ledger = 0 and id in {STAGED_IDS} limit 1"
    if database.execute(query).fetchone():
        shared = f"(select id from turn where ledger = 0 and id in {STAGED_IDS})"
        fold_rows(database, "part", "n.id", f"(select * from new_row where id in {shared}) n")
        fold_usage(database, "part", "n.id", f"(select * from new_usage where id in {shared}) n")
        settle(database, "part", f"id in {STAGED_IDS}")


def _link_in_ledgers(database: sqlite3.Connection) -> None:
    rows = set(database.execute(_ROWS_IN_LEDGERS))
    groups = _Groups()
    for ledger, link, source, identity, is_usage in database.execute(_LINKED_IN_LEDGERS):
        groups.join((ledger, 0, identity), (ledger, 1, link, source))
        if is_usage and (ledger, link) in rows:
            groups.join((ledger, 0, link), (ledger, 1, link, source))
    roots = [(groups.root(m)[2], m[0], m[2]) for m in groups.members() if m[1] == 0]
    database.executemany("update in_ledger set root = ? where ledger = ? and id = ?", roots)
