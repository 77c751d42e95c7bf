"""The totals of one ledger, each execution counted once, and the damage of its files."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.oserrors import sentence_of
from tokentrack.reports import calendar, dimensions
from tokentrack.reports.aggregates import NUMBERS, PROVENANCE, Sum
from tokentrack.reports.answer import metrics_of
from tokentrack.reports.conditions import filter_of
from tokentrack.reports.groups import Numbers, Words
from tokentrack.reports.index.day_totals import has_totals, near
from tokentrack.reports.question import ask_index
from tokentrack.reports.sources import ledger_number
from tokentrack.reports.span import Span
from tokentrack.reports.spans import find_span
from tokentrack.reports.statements import Statements
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.scope import Scope
    from tokentrack.reports.sources import Filter
    from tokentrack.store.paths import LedgerPaths

_TIMED = Sum("timed", "count(micros)", "sum(timed)", "sum(timed)")
_MORE = (_TIMED, *[s for s in PROVENANCE if s.name in {"reported", "estimated"}])
_METRICS = ("turns", "credits", "credits_unknown", "tokens", "seconds", "failed", "credits_failed")
_TABLES = ("turn", "part")
_MOST_DAMAGED = 100


class LedgerTotals(NamedTuple):
    """The totals of a ledger and its archives.

    Attributes:
        total: `turns`, `credits` (decimal text), `credits_unknown`, `tokens`, `seconds`, `failed`
            and `credits_failed`, as in an answer.
        today: the same of the local day, and of the users that were named.
        known: how many turns have credits.
        timed: how many turns have a time.
        basis: how many turns have `reported`, `estimated` and `unknown` tokens.
        rows: how many rows the ledger has, those that repeat an execution included.
        first: the time of the first turn in microseconds since the epoch, None without one.
        last: the time of the last turn.
        damaged: the first damaged lines, each with `file`, `line` and `problem`.
        damaged_count: how many there are.
        problem: which of the files can't be read to their end, and why; "" if all can.
        source: `index`, or `scan` where the files were read for this answer alone.
    """

    total: Mapping[str, Any]
    today: Mapping[str, Any]
    known: int
    timed: int
    basis: Mapping[str, int]
    rows: int
    first: int | None
    last: int | None
    damaged: list[dict[str, Any]]
    damaged_count: int
    problem: str
    source: str


def ledger_totals(scope: Scope, *, own: Sequence[str] = (), now: int | None = None) -> LedgerTotals:
    """Return the totals of the one ledger of a scope.

    Args:
        scope: the ledger, as `only`, and its index.
        own: the users whose turns `today` has, "" for turns without one; none for those of all.
        now: the time to which `today` refers, in microseconds since the epoch.

    Raises:
        FileSystemError: the ledgers can't be read.
    """
    only = scope.only
    if only is None:
        raise TypeError("the totals are those of one ledger")
    now = time.time_ns() // 1000 if now is None else now

    def answer(opened: OpenIndex) -> LedgerTotals:
        try:
            return _totals(opened, only, own, now, is_wide=False)
        except sqlite3.OperationalError as error:
            if "overflow" not in str(error):
                raise
        return _totals(opened, only, own, now, is_wide=True)

    return ask_index(scope.index_path, [*scope.ledgers, only], scope.progress, answer)


def unknown_totals(problem: str) -> LedgerTotals:
    """Return the totals of a ledger that can't be read, and why."""
    unknown: dict[str, Any] = {**dict.fromkeys(_METRICS), "turns": 0}
    basis = dict.fromkeys(("reported", "estimated", "unknown"), 0)
    return LedgerTotals(unknown, unknown, 0, 0, basis, 0, None, None, [], 0, problem, "scan")


def _totals(
    opened: OpenIndex, only: LedgerPaths, own: Sequence[str], now: int, *, is_wide: bool
) -> LedgerTotals:
    database, zone = opened.database, Zone()
    ledger = ledger_number(database, only)

    def numbers_of(span: Span, filters: Sequence[Filter] = ()) -> Numbers:
        ask = Statements(database, zone, span, list(filters), ledger, is_wide=is_wide)
        rows = ask.run((), (*NUMBERS, *_MORE), is_split=True)
        return Numbers(rows, [found.name for found in _MORE])

    mine = [filter_of(Words(database), dimensions.find("user"), own)] if own else []
    total, today = numbers_of(Span()), numbers_of(find_span("today", None, zone, now), mine)
    timed, reported, estimated = [total.more[found.name] or 0 for found in _MORE]
    of_ledger = (os.fsencode(only.path),)
    rows, *_ = database.execute(
        "select ifnull(sum(rows), 0) from segment where path = ? and not usage", of_ledger
    ).fetchone()
    damaged = list(_damaged(database, of_ledger))
    lines = [found for found in damaged if found["line"]]
    return LedgerTotals(
        total=metrics_of(_METRICS, total),
        today=metrics_of(_METRICS, today),
        known=total.known,
        timed=timed,
        basis={
            "reported": reported,
            "estimated": estimated,
            "unknown": total.turns - reported - estimated,
        },
        rows=rows,
        first=_end(database, ledger, is_last=False),
        last=_end(database, ledger, is_last=True),
        damaged=lines[:_MOST_DAMAGED],
        damaged_count=len(lines),
        problem="; ".join(_problems(opened, only, damaged)),
        source=opened.source,
    )


def _end(database: sqlite3.Connection, ledger: int, *, is_last: bool) -> int | None:
    """Return the time of a ledger's first or last turn."""
    edge, direction = ("max", "desc") if is_last else ("min", "asc")
    conditions = [f"ledger = {ledger}", "at is not null"]
    bounds = list(conditions)
    if has_totals(database):
        # The index by time has the turns of all ledgers, so the search begins in the right month.
        query = f"select {edge}(month) from month_total where ledger = {ledger}"
        (month,) = database.execute(query).fetchone()
        if month is not None and is_last:
            month = calendar.first_day_of(calendar.month_of(month) + 1)
        if month is not None:
            bounds.append(near(None, month) if is_last else near(month, None))
    found = [
        database.execute(
            f"select at from {table} where {' and '.join(where)} order by at {direction} limit 1"
        ).fetchone()
        for table, where in zip(_TABLES, (bounds, conditions), strict=True)
    ]
    times = [at for (at,) in filter(None, found)]
    return (max if is_last else min)(times, default=None)


def _damaged(database: sqlite3.Connection, of_ledger: tuple[bytes]) -> Iterator[dict[str, Any]]:
    rows = database.execute(
        "select name, line, reason from skipped join segment on n = segment where path = ? "
        "order by usage, n, line",
        of_ledger,
    )
    for name, line, reason in rows:
        yield {"file": os.fsdecode(name), "line": line, "problem": reason}


def _problems(opened: OpenIndex, only: LedgerPaths, damaged: list[dict[str, Any]]) -> Iterator[str]:
    if only.path in opened.unreadable:
        try:
            only.open_folder(create=False).close()
        except FileNotFoundError:
            return  # nothing is recorded yet
        except OSError as error:
            error.filename = error.filename or only.folder
            yield f"the ledger can't be read: {sentence_of(error)}"
    for found in damaged:
        if not found["line"]:
            # The reason names the file.
            is_active = found["file"] in {only.ledger, only.usage}
            yield f"the ledger can't be read: {found['problem']}" if is_active else found["problem"]
