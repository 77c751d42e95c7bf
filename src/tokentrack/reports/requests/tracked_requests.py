"""What the requests of one usage ledger used: by session, period and user, and in a budget."""

from __future__ import annotations

import os
import sqlite3
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common import timestamps
from tokentrack.models.columns import split_list
from tokentrack.reports import dimensions
from tokentrack.reports.conditions import is_one_of, since_reset
from tokentrack.reports.dimensions import TURN, USAGE, Dimension
from tokentrack.reports.groups import Words
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.index.day_totals import time_bounds
from tokentrack.reports.periods import HOUR, HOUR_LENGTH, days_of, hour_start
from tokentrack.reports.pricing.request_costs import RequestSum, request_sums
from tokentrack.reports.requests.token_usage import (
    SessionTokenUsage,
    TokenUsage,
    UsageRequest,
    UsageTotal,
)
from tokentrack.reports.sources import JOINS, Filter
from tokentrack.reports.span import Span
from tokentrack.reports.statements import Statements
from tokentrack.reports.turns.row_reader import ChangedError, RowReader
from tokentrack.reports.zones import LocalTime, Zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, tzinfo

    from tokentrack.reports.groups import Key
    from tokentrack.reports.pricing import PriceTable
    from tokentrack.store.paths import LedgerPaths

_SESSION = Dimension("session", TURN, "t.usage_session")
_DAY, _USER, _MODEL = (dimensions.find(name) for name in ("day", "user", "model"))
_ALWAYS = Span()
_NO_LIMIT = 2**62
_REQUESTS = f"""
select t.usage_place, t.id, t.at, t.usage_session, u.model, u.user, t.input, t.output, t.cached
from turn t{JOINS[USAGE]} where t.at is not null order by t.usage_place
"""
_SESSIONS = (
    "select min(usage_place), usage_session, min(at), max(at) from turn t where {} "
    "group by usage_session"
)
_HISTORY = (
    "select input, output, cached from turn t where {} and usage_session = ? "
    "order by usage_place desc limit ?"
)
_LAST_MODEL = (
    f"select u.model from turn t{JOINS[USAGE]} where {{}} and usage_session = ? and at = ? "
    "order by usage_place desc limit 1"
)
_REQUESTS = f"""
select t.usage_place, t.id, t.at, t.usage_session, u.model, u.user, t.input, t.output, t.cached
from turn t{JOINS[USAGE]} where t.at is not null order by t.usage_place
"""


class PeriodUsage(NamedTuple):
    """The usage from `start` to the start of the next period."""

    start: datetime
    total: UsageTotal


class TrackedRequests:
    """Answers from an open index of one usage ledger, in which every turn is a tracked request."""

    def __init__(
        self,
        database: sqlite3.Connection,
        prices: PriceTable,
        zone: tzinfo | None,
        known: dict[Key, dict[Key, RequestSum]],
    ) -> None:
        """Name the parts.

        Args:
            database: the index.
            prices: the prices.
            zone: the time zone of periods; the system's for None.
            known: sums of this state of the index, by the question; gets further ones.
        """
        self._database = database
        self._prices = prices
        self._tzinfo = zone
        self._known = known
        self._words = Words(database)

    def sessions(
        self, history_limit: int | None, session_id: str | None = None
    ) -> dict[str, SessionTokenUsage]:
        """Return what sessions used since their last resets, in the order of the file.

        Args:
            history_limit: how many requests of each session are listed; all for None.
            session_id: the only session that is asked about.
        """
        filters = self._since_reset()
        if session_id is not None:
            filters.append(self._equals(_SESSION, session_id))
        sums = self._sums(_ALWAYS, filters, (_SESSION,))
        conditions = " and ".join(["t.at is not null", *[f.condition for f in filters]])
        database, found = self._database, []
        for begun, session, first, last in database.execute(
            _SESSIONS.format(conditions)
        ).fetchall():
            limit = _NO_LIMIT if history_limit is None else history_limit
            rows = database.execute(_HISTORY.format(conditions), (session, limit)).fetchall()
            (model,) = database.execute(_LAST_MODEL.format(conditions), (session, last)).fetchone()
            self._words.read([session, model])
            total, history = sums[(session,)], [TokenUsage(*row) for row in reversed(rows)]
            usage = SessionTokenUsage(
                session_id=self._words[session] or "",
                model_name=self._words[model] or "",
                total_usage=total.usage(),
                request_history=history,
                created_at=first / 1_000_000,
                last_updated=last / 1_000_000,
                older_requests=total.requests - len(history),
                total=total.total(),
            )
            found.append((begun, usage))
        found.sort(key=itemgetter(0))
        return {usage.session_id: usage for _, usage in found}

    def total(self) -> UsageTotal:
        """Return the total of all sessions since their last resets."""
        return self._sums(_ALWAYS, self._since_reset(), ()).get((), RequestSum()).total()

    def has_session(self, session_id: str) -> bool:
        """Tell whether a session has requests since its last reset."""
        filters = [*self._since_reset(), self._equals(_SESSION, session_id)]
        conditions = " and ".join(["t.at is not null", *[f.condition for f in filters]])
        query = f"select 1 from turn t where {conditions} limit 1"
        return self._database.execute(query).fetchone() is not None

    def missing(self, request_ids: Sequence[str]) -> set[str]:
        """Return those of some ids that no request has."""
        query = "select 1 from turn where id = ? and at is not null"
        return {
            name
            for name in request_ids
            if self._database.execute(query, (key_of_text(name),)).fetchone() is None
        }

    def by_period(self, period: str) -> list[PeriodUsage]:
        """Return the periods that have requests, the earliest first."""
        zone = Zone(self._tzinfo)
        starts: dict[int, RequestSum] = {}
        if period == HOUR:
            bounds = time_bounds(self._database) or (0, 0)
            offset = LocalTime(zone, *bounds, self._database).offset
            by = (
                Dimension("hour", TURN, f"(at + {offset}) / {HOUR_LENGTH}"),
                Dimension("offset", TURN, offset),
            )
            for (hour, shift), found in self._sums(_ALWAYS, [], by).items():
                start = hour_start(hour * HOUR_LENGTH - shift, shift, zone)
                starts.setdefault(start, RequestSum()).merge(found)
        else:
            for (day,), found in self._sums(_ALWAYS, [], (_DAY,)).items():
                start = zone.start_of(days_of(day, period)[0])
                starts.setdefault(start, RequestSum()).merge(found)
        return [
            PeriodUsage(timestamps.to_datetime(at).astimezone(self._tzinfo), found.total())
            for at, found in sorted(starts.items())
        ]

    def by_user(self) -> dict[str, UsageTotal]:
        """Return the totals of the users, ordered by name; "" is an unknown user."""
        sums = self._sums(_ALWAYS, [], (_USER,))
        self._words.read(user for (user,) in sums)
        return dict(sorted([(self._words[n] or "", s.total()) for (n,), s in sums.items()]))

    def spent(self, first: int | None, last: int | None, scope: dict[str, str]) -> RequestSum:
        """Return the sums of the requests of some days.

        Args:
            first: the number of the first day; None is open.
            last: that of the last day; None is open.
            scope: by `session`, `user` and `model` the only accepted value.
        """
        known = {"session": _SESSION, "user": _USER, "model": _MODEL}
        filters = [self._equals(known[name], value) for name, value in scope.items()]
        return self._sums(Span(first, last), filters, ()).get((), RequestSum())

    def rows(self, paths: LedgerPaths) -> Iterator[UsageRequest]:
        """Yield all requests in the order of the file, with their ids, which only the file has.

        Args:
            paths: the ledger.

        Raises:
            ChangedError: the file has changed since it was read into the index.
            OSError: the file can't be read.
        """
        reader, words = RowReader(self._database, [paths]), self._words
        found = list(self._database.execute(_REQUESTS))
        words.read(number for row in found for number in row[3:6])
        cells = reader.rows(row[0] for row in found)
        for (_, row), (_, identity, at, session, model, user, *counts) in zip(
            cells, found, strict=True
        ):
            if key_of_text(row[0]) != identity:
                raise ChangedError
            yield UsageRequest(
                row[0], at, words[session] or "", words[model] or "", TokenUsage(*counts),
                words[user] or "",
            )  # fmt: skip

    def tagged(self, paths: LedgerPaths, tag: str) -> Iterator[list[str]]:
        """Yield the cells of the requests that have a tag, as the file has them.

        Raises:
            ChangedError: the file has changed since it was read into the index.
            OSError: the file can't be read.
        """
        lists = self._words.containing(lambda text: tag in split_list(text), [tag])
        query = f"select usage_place from turn where at is not null and tags in ({_list(lists)})"
        places = [place for (place,) in self._database.execute(query)]
        for _, cells in RowReader(self._database, [paths]).rows(places):
            yield cells

    def problems(self) -> list[str]:
        """Return a sentence for each damaged row, with its line."""
        rows = self._database.execute(
            "select name, line, reason from skipped join segment on n = segment "
            "where usage = 1 order by n, line"
        )
        return [
            f"{os.fsdecode(name)}{f' line {line}' if line else ''}: {reason}"
            for name, line, reason in rows
        ]

    def _since_reset(self) -> list[Filter]:
        return since_reset(self._database)

    def _equals(self, dimension: Dimension, value: str) -> Filter:
        return Filter(dimension, is_one_of(self._words, dimension, [value]))

    def _sums(
        self, span: Span, filters: Sequence[Filter], by: Sequence[Dimension]
    ) -> dict[Key, RequestSum]:
        asked = (span.edges, *[f.condition for f in filters], "by", *[d.column for d in by])
        if asked not in self._known:
            try:
                self._known[asked] = self._summed(span, filters, by, is_wide=False)
            except sqlite3.OperationalError as error:
                if "overflow" not in str(error):
                    raise
                self._known[asked] = self._summed(span, filters, by, is_wide=True)
        return self._known[asked]

    def _summed(
        self, span: Span, filters: Sequence[Filter], by: Sequence[Dimension], *, is_wide: bool
    ) -> dict[Key, RequestSum]:
        zone = Zone(self._tzinfo)
        ask = Statements(
            self._database, zone, span, filters, None, is_wide=is_wide, of_requests=True
        )
        return request_sums(ask, by, self._words, self._prices)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
