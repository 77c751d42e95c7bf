"""Sums by local day and by month, so that no report reads what it does not show.

A day that a follow touched is deleted and summed anew; nothing is ever subtracted. `date_total`
has the sums of all ledgers alone, the others have them by ledger and kind.
"""

from __future__ import annotations

from tokentrack.reports.calendar import first_day_of, month_of
from tokentrack.reports.index import sqlite
from tokentrack.reports.index.tables import (
    BASIS_MASK,
    FAILED,
    IS_REQUEST,
    STAGED_IDS,
    TIMED_MICROS,
    TIMED_TOKENS,
    TRACKED,
)
from tokentrack.reports.zones import DAY, SECOND, LocalTime

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from tokentrack.reports.zones import Zone

_SUMMED = (
    ("turns", "count(*)"),
    ("known", "count(a)"),
    ("a", "sum(a)"),
    ("b", "sum(b)"),
    ("c", "sum(c)"),
    ("tokens", "sum(tokens)"),
    ("micros", "sum(micros)"),
    ("timed", "count(micros)"),
    ("timed_tokens", f"sum({TIMED_TOKENS})"),
    ("timed_micros", f"sum({TIMED_MICROS})"),
    ("copies", "sum(copies)"),
    ("superseded", "sum(superseded)"),
)
_NAMES = ", ".join([name for name, _ in _SUMMED])
_FROM_TURNS = ", ".join([value for _, value in _SUMMED])
_ADDED = ", ".join([f"sum({name})" for name, _ in _SUMMED])
_KEYS = "ledger, kind, usage_kind"
_REQUESTS = f"sum(case when usage_kind & {TRACKED} and kind = 0 then turns else 0 end)"
_BY_DAY = ("date_total", "day_total", "request_total")
_TABLES = (*_BY_DAY, "month_total")
# If at least this many days are touched, all days are summed again.
_MANY_DAYS = 100
# The number of 1 January 1970, where day 1 is 1 January of the year 1.
_EPOCH_DAY = 719_163
_LARGEST_OFFSET = 24 * 3600 * SECOND


class Totals:
    """The tables of totals of an index, whose days are those of one zone."""

    def __init__(self, database: sqlite3.Connection, zone: Zone) -> None:
        """Name the index and the zone."""
        self._database = database
        self._zone = zone

    def is_of_another_zone(self) -> bool:
        """Tell whether rows have times without a zone, which were those of another zone."""
        return is_of_another_zone(self._database, self._zone)

    def touched_days(self) -> set[int]:
        """Return the days of the turns that staged rows belong to."""
        local = self._local_time()
        if local is None:
            return set()
        query = f"select distinct {local.day} from turn where id in {STAGED_IDS}"
        return {day for (day,) in self._database.execute(f"{query} and at is not null")}

    def sum_all(self) -> None:
        """Sum all turns; numbers beyond 64 bits leave no totals."""
        for table in _TABLES:
            self._database.execute(f"delete from {table}")
        self._database.execute("delete from meta where key = 'zone'")
        local = self._local_time()
        if local is None:
            return
        try:
            self._sum_turns(local.day, "at is not null")
            self._sum_requests(local.day, "at is not null")
            self._sum_days("true")
            days = "select distinct day from day_total"
            for month in sorted({month_of(day) for (day,) in self._database.execute(days)}):
                self._sum_month(month)
        except sqlite.OperationalError as error:
            if "overflow" not in str(error):
                raise
        else:
            self._store_zone()

    def sum_days(self, days: Collection[int]) -> None:
        """Sum the turns of some days anew."""
        local = self._local_time()
        if local is None or len(days) > _MANY_DAYS or not totals_fit(self._database, self._zone):
            self.sum_all()
            return
        try:
            for day in sorted(days):
                self._sum_day(local, day)
            for month in sorted({month_of(day) for day in days}):
                first = (first_day_of(month),)
                self._database.execute("delete from month_total where month = ?", first)
                self._sum_month(month)
        except sqlite.OperationalError as error:
            if "overflow" not in str(error):
                raise
            self.sum_all()
        else:
            self._store_zone()

    def _local_time(self) -> LocalTime | None:
        bounds = time_bounds(self._database)
        return None if bounds is None else LocalTime(self._zone, *bounds, self._database)

    def _store_zone(self) -> None:
        bounds = time_bounds(self._database)
        if bounds is not None:
            value = _zone_text(self._zone, *bounds)
            self._database.execute("insert or replace into meta values ('zone', ?)", (value,))

    def _sum_day(self, local: LocalTime, day: int) -> None:
        for table in _BY_DAY:
            self._database.execute(f"delete from {table} where day = ?", (day,))
        is_that_day = f"{near(day, day)} and {local.day} = {day}"
        self._sum_turns(local.day, is_that_day)
        self._sum_requests(local.day, is_that_day)
        self._sum_days(f"day = {day}")

    def _sum_turns(self, day: str, condition: str) -> None:
        self._database.execute(
            f"insert into day_total (day, {_KEYS}, {_NAMES}) "
            f"select {day}, ledger, ifnull(kind, 0), ifnull(usage_kind, 0), {_FROM_TURNS} "
            f"from turn where {condition} group by 1, 2, 3, 4"
        )

    def _sum_requests(self, day: str, condition: str) -> None:
        query = f"select 1 from usage_kind where n & {TRACKED} limit 1"
        if self._database.execute(query).fetchone() is not None:
            self._database.execute(
                "insert into request_total "
                f"select {day}, ledger, 0, usage_kind, count(*), sum(input), sum(output), "
                f"sum(cached) from turn where {IS_REQUEST} and {condition} group by 1, 2, 4"
            )

    def _sum_days(self, condition: str) -> None:
        self._database.execute(
            f"insert into date_total (day, failed, {_NAMES}, reported, estimated, tracked) "
            f"select day, kind & {FAILED}, {_ADDED}, {_of_basis(1)}, {_of_basis(2)}, {_REQUESTS} "
            f"from day_total where {condition} group by 1, 2"
        )

    def _sum_month(self, month: int) -> None:
        first, last = first_day_of(month), first_day_of(month + 1) - 1
        self._database.execute(
            f"insert into month_total (month, {_KEYS}, {_NAMES}) "
            f"select {first}, {_KEYS}, {_ADDED} from day_total "
            f"where day between {first} and {last} group by {_KEYS}"
        )


def is_of_another_zone(database: sqlite3.Connection, zone: Zone) -> bool:
    """Tell whether rows have times without a zone, which were those of another zone."""
    query = "select 1 from meta where key = 'is_local'"
    is_local = database.execute(query).fetchone() is not None
    return is_local and not totals_fit(database, zone)


def has_totals(database: sqlite3.Connection) -> bool:
    """Tell whether there are totals, whatever their zone."""
    return database.execute("select 1 from meta where key = 'zone'").fetchone() is not None


def totals_fit(database: sqlite3.Connection, zone: Zone, since: int | None = None) -> bool:
    """Tell whether there are totals, and a zone has the days that they have.

    Args:
        database: the index.
        zone: the zone.
        since: from when on the days matter, in microseconds since the epoch; None for always.
    """
    found = database.execute("select value from meta where key = 'zone'").fetchone()
    if found is None:
        return False
    first, last, *numbers = map(int, found[0].split())
    steps = list(zip(numbers[::2], numbers[1::2], strict=True))
    if since is not None and since > first:
        in_force = [offset for at, offset in steps if at <= since][-1]
        steps = [(since, in_force), *[step for step in steps if step[0] > since]]
        first = since
    return steps == zone.steps(first, last)


def _zone_text(zone: Zone, first: int, last: int) -> str:
    # Two times, and the offsets from UTC between them.
    steps = zone.steps(first, last)
    return " ".join([f"{first} {last}", *[f"{since} {offset}" for since, offset in steps]])


def time_bounds(database: sqlite3.Connection) -> tuple[int, int] | None:
    """Return the times of the first and the last turn, None without any."""
    query = "select {}(at) from turn where at is not null"
    # One by one: the index on time has both ends.
    first, last = (database.execute(query.format(f)).fetchone()[0] for f in ("min", "max"))
    return None if first is None else (first, last)


def near(first: int | None, last: int | None) -> str:
    """Return a condition that the index on time serves, which all turns of some days meet."""
    found = []
    if first is not None:
        found.append(f"at >= {(first - _EPOCH_DAY) * DAY - _LARGEST_OFFSET}")
    if last is not None:
        found.append(f"at < {(last + 1 - _EPOCH_DAY) * DAY + _LARGEST_OFFSET}")
    return " and ".join(found)


def _of_basis(basis: int) -> str:
    return f"sum(case when usage_kind & {BASIS_MASK} = {basis} then turns else 0 end)"
