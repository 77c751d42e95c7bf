"""Filters that choose a ledger's records by their turns, as `tokentrack turns` does."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from tokentrack.errors import ValidationError
from tokentrack.reports import dimensions
from tokentrack.reports.conditions import filter_of
from tokentrack.reports.groups import Words
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.ledger.filters import (
    KNOWN_FILTERS,
    SPAN_FILTERS,
    filter_items,
    record_filter,
)
from tokentrack.reports.ledger.own_ledger import ask_own_ledger
from tokentrack.reports.spans import find_span
from tokentrack.reports.statements import Statements
from tokentrack.reports.turns.turn_rows import ids_of
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.reports.ledger.filters import RecordTest
    from tokentrack.store.paths import LedgerPaths

_WORKSPACE = "workspace"  # the one name that filters of records and of turns share
# Ids that only all ledgers together tell to be one execution may be several in this one.
_IS_JOINED_ELSEWHERE = "select 1 from part where ledger = ? and id in (select id from alias)"


def choose_records(
    filters: Mapping[str, Any] | None, paths: LedgerPaths, environ: Mapping[str, str]
) -> RecordTest:
    """Return a function that tells whether a record of a ledger passes all filters.

    Those of `record_filter` look at the record alone. `since`, `until`, `tz` and the filters of
    `query(where=...)` are asked of the index: each record of a turn that passes them passes. One
    `workspace` without `!` is compared with the record where no other filter needs the index.

    Args:
        filters: by name; one with the value None is ignored.
        paths: the ledger.
        environ: the environment, which says where the index is.

    Raises:
        FileSystemError: the ledger can't be read.
        ValidationError: with every filter that is unknown or has an invalid value.
    """
    given = {name: value for name, value in filter_items(filters) if value is not None}
    of_turns = {name: value for name, value in given.items() if _is_of_turns(name)}
    workspace = given.get(_WORKSPACE)
    is_one = isinstance(workspace, str) and not workspace.startswith("!")
    if workspace is not None and (of_turns or not is_one):
        of_turns[_WORKSPACE] = workspace
    issues: list[str] = []
    try:
        test = record_filter({n: value for n, value in given.items() if n not in of_turns})
    except ValidationError as error:
        issues += error.issues
    for name, value in of_turns.items():
        issues += _issues(name, value)
    if issues:
        raise ValidationError(issues)
    if not of_turns:
        return test
    turns = _Question(of_turns).ask(paths, environ)
    return lambda record: turns.have(record) and test(record)


def _is_of_turns(name: object) -> bool:
    if not isinstance(name, str) or name in KNOWN_FILTERS:
        return False
    return name in {*SPAN_FILTERS, *dimensions.FILTER_NAMES} or name.startswith(dimensions.TAG_KEY)


def _issues(name: str, value: Any) -> list[str]:
    if name in {"since", "until"}:
        expected, fits = "a date, a time or a word such as 7d", isinstance(value, str | date)
    elif name == "tz":
        expected, fits = "the name of a time zone", isinstance(value, str)
    elif name == "failed":
        expected, fits = "True or False", isinstance(value, bool)
    else:
        expected = "a text or a list of texts"
        values = [value] if isinstance(value, str) else value
        is_list = isinstance(values, list | tuple | set | frozenset)
        fits = is_list and bool(values) and all(isinstance(text, str) for text in values)
    return [] if fits else [f"{name} must be {expected}, not {value!r}"[:200]]


class _Question:
    def __init__(self, filters: Mapping[str, Any]) -> None:
        self._zone = Zone(filters.get("tz"))
        self._span = find_span(filters.get("since"), filters.get("until"), self._zone)
        self._where = [
            (dimensions.find_filter(name), _texts(value))
            for name, value in filters.items()
            if name not in SPAN_FILTERS
        ]

    def ask(self, paths: LedgerPaths, environ: Mapping[str, str]) -> _Turns:
        def in_index(database: sqlite3.Connection, ledger: int) -> _Turns | None:
            is_joined = database.execute(_IS_JOINED_ELSEWHERE, (ledger,)).fetchone()
            return None if is_joined else self._turns(database, ledger)

        found = ask_own_ledger(paths, environ, in_index)
        return found or ask_own_ledger(paths, None, self._turns)

    def _turns(self, database: sqlite3.Connection, ledger: int) -> _Turns:
        words = Words(database)
        filters = [filter_of(words, dimension, values) for dimension, values in self._where]
        ask = Statements(database, self._zone, self._span, filters, ledger)
        return _Turns(database, set(ids_of(database, ask.sources_of_turns())))


def _texts(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [value] if isinstance(value, str) else list(value)


class _Turns:
    # Turns by the numbers of their ids, of which some have several.

    def __init__(self, database: sqlite3.Connection, found: set[int]) -> None:
        self._found = found
        self._roots = dict(database.execute("select id, root from alias"))

    def have(self, record: TokenTransaction) -> bool:
        key = key_of_text(record.agent_execution_id)
        return self._roots.get(key, key) in self._found
