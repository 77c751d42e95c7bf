"""Sums by local day, month, session, message and half hour, so that no report reads all turns.

A day that a follow touched is deleted and summed anew; nothing is ever subtracted. `day_total` and
`month_total` have the sums by ledger and kind, the others those of all ledgers.
"""

from __future__ import annotations

from tokentrack.reports.calendar import first_day_of, month_of
from tokentrack.reports.index import sqlite
from tokentrack.reports.index.day_totals import (
    BEFORE_1970,
    SLOT,
    SLOT_OF_TURN,
    has_limit,
    is_of_another_zone,
    near,
    stored_excess,
    time_bounds,
    totals_fit,
    zone_text,
)
from tokentrack.reports.index.excess import Excess, changed_days, store, stored_limit, used_by_day
from tokentrack.reports.index.summed import (
    ADDED,
    COLUMNS_OF_TURN,
    KINDS,
    NAMES,
    OF_KINDS,
    OF_TOTALS,
    sums_of,
    turns_with,
)
from tokentrack.reports.index.tables import (
    FAILED,
    IS_REQUEST,
    STAGED_IDS,
    TRACKED,
)
from tokentrack.reports.zones import DAY, LocalTime

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from tokentrack.reports.index.excess import Limit
    from tokentrack.reports.zones import Zone

_KEYS = "ledger, kind, usage_kind"
_SOME = "some_turn"  # a copy of a day's turns
_BY_DAY = ("date_total", "day_total", "request_total")
_TABLES = (*_BY_DAY, "month_total", "session_total", "message_total", "slot_total")
# If at least this many days are touched, all days are summed again.
_MANY_DAYS = 100
# By table, its own key: the word of a turn.
_WORDS = {
    "session_total": ("session", "ifnull(ifnull(session, usage_session), 0)"),
    "message_total": ("message", "ifnull(message, 0)"),
}


class Touched:
    """What staged rows belong to: days, and by table the words of turns."""

    def __init__(self) -> None:
        self.days: set[int] = set()
        self.words: dict[str, set[int]] = {table: set() for table in _WORDS}


class Totals:
    """The tables of totals of an index, whose days are those of one zone."""

    def __init__(self, database: sqlite3.Connection, zone: Zone, limit: Limit | None) -> None:
        """Name the index, the zone, and what is known of the user's plan."""
        self._database = database
        self._zone = zone
        self._limit = limit

    def keep_limit(self) -> None:
        """Without a limit, take that for which the index has totals."""
        query = "select 1 from sqlite_master where name = 'meta'"
        if self._limit is None and self._database.execute(query).fetchone():
            self._limit = stored_limit(self._database)

    def is_of_another_zone(self) -> bool:
        """Tell whether rows have times without a zone, which were those of another zone."""
        return is_of_another_zone(self._database, self._zone)

    def note_touched(self, touched: Touched) -> None:
        """Add what the turns that staged rows belong to are counted in."""
        local = self._local_time()
        if local is None:
            return
        words = ", ".join([value for _, value in _WORDS.values()])
        query = f"select {local.day}, {words} from turn where id in {STAGED_IDS}"
        for day, *found in self._database.execute(f"{query} and at is not null"):
            touched.days.add(day)
            for words_of, word in zip(touched.words.values(), found, strict=True):
                words_of.add(word)

    def sum_all(self) -> None:
        """Sum all turns; numbers beyond 64 bits leave no totals."""
        for table in _TABLES:
            self._database.execute(f"delete from {table}")
        self._database.execute("delete from meta where key in ('zone', 'limit')")
        if self._limit is not None:
            store(self._database, Excess(self._database, self._limit, self._zone))
        local = self._local_time()
        if local is None:
            return
        try:
            self._sum_turns(local.day, "at is not null", None)
            excess = self._found_excess(local)
            self._sum_requests(local.day, "at is not null")
            self._sum_days("true")
            days = "select distinct day from day_total"
            for month in sorted({month_of(day) for (day,) in self._database.execute(days)}):
                self._sum_month(month)
            self._sum_words("session_total", local.day, "at is not null", excess)
            self._sum_messages()
            self._sum_slots("at is not null", excess)
        except sqlite.OperationalError as error:
            if "overflow" not in str(error):
                raise
        else:
            self._store(excess)

    def sum_touched(self, touched: Touched) -> None:
        """Sum the turns of some days anew."""
        local, days = self._local_time(), touched.days
        is_other = self._limit is not None and not has_limit(self._database, self._limit)
        if local is None or is_other or len(days) > _MANY_DAYS or not totals_fit(
            self._database, self._zone
        ):  # fmt: skip
            self.sum_all()
            return
        try:
            excess = self._sum_some(local, touched)
        except sqlite.OperationalError as error:
            if "overflow" not in str(error):
                raise
            self.sum_all()
        else:
            self._store(excess)

    def _sum_some(self, local: LocalTime, touched: Touched) -> Excess | None:
        old = stored_excess(self._database, self._zone)
        for day in sorted(touched.days):
            self._sum_day(local, day, touched, old)
        excess, days = old, touched.days
        if old is not None:
            excess = self._moved_excess(old, local, days)
            more = changed_days(old, excess)
            for day in sorted(more):
                self._sum_day(local, day, None, excess)
            days = days | more
        for month in sorted({month_of(day) for day in days}):
            first = (first_day_of(month),)
            self._database.execute("delete from month_total where month = ?", first)
            self._sum_month(month)
        return excess

    def _local_time(self) -> LocalTime | None:
        bounds = time_bounds(self._database)
        return None if bounds is None else LocalTime(self._zone, *bounds, self._database)

    def _store(self, excess: Excess | None) -> None:
        bounds = time_bounds(self._database)
        if bounds is not None:
            value = zone_text(self._zone, *bounds)
            self._database.execute("insert or replace into meta values ('zone', ?)", (value,))
        if excess is not None:
            store(self._database, excess)

    def _found_excess(self, local: LocalTime) -> Excess | None:
        # Find what is beyond the plan, now that the days are known, and note it in their totals.
        if self._limit is None:
            return None
        excess = Excess(self._database, self._limit, self._zone)
        excess.find(used_by_day(self._database, excess, "day_total", "day", "true", "sum"), local)
        over = excess.day_value
        if excess.is_of_others:
            over = f"case when {excess.is_of_others} then 1 else {over} end"
        self._database.execute(
            f"update day_total set over_a = a, over_b = b, over_c = c where ({over}) = 1"
        )
        for crossing in excess.crossings:
            day = crossing.day
            self._database.execute("delete from day_total where day = ?", (day,))
            self._sum_turns(local.day, _is_day(local, day), excess)
        return excess

    def _moved_excess(self, old: Excess, local: LocalTime, days: Collection[int]) -> Excess:
        # The crossings of the billing months of some days can be others now.
        months = {old.limit.month_of(day) for day in days}
        kept = [c for c in old.crossings if old.limit.month_of(c.day) not in months]
        excess = Excess(self._database, old.limit, self._zone, kept)
        for first, end in sorted(months):
            is_month = f"day >= {first} and day < {end}"
            used = used_by_day(self._database, excess, "day_total", "day", is_month, "sum")
            excess.find(used, local, near(first, end - 1))
        return excess

    def _sum_day(
        self, local: LocalTime, day: int, touched: Touched | None, excess: Excess | None
    ) -> None:
        least, largest = local.offsets
        slots = (day * DAY - largest) // SLOT, ((day + 1) * DAY - least) // SLOT
        begin, end = (slot * SLOT - BEFORE_1970 for slot in (slots[0], slots[1] + 1))
        # Its turns lie all over the table, so they are looked up once.
        self._database.execute(
            f"create temp table {_SOME} as select {COLUMNS_OF_TURN} from turn "
            f"where at >= {begin} and at < {end}"
        )
        is_that_day = f"{local.day} = {day}"
        for table in _BY_DAY:
            self._database.execute(f"delete from {table} where day = ?", (day,))
        self._sum_turns(local.day, is_that_day, excess, _SOME)
        self._sum_requests(local.day, f"at >= {begin} and at < {end} and {is_that_day}")
        self._sum_days(f"day = {day}")
        for table, (key, value) in _WORDS.items():
            # Of words that were turns' on that day before, and of those that are now.
            words = set(touched.words[table]) if touched else set()
            query = f"select distinct {value} from {_SOME} where {is_that_day}"
            words |= {word for (word,) in self._database.execute(query)}
            self._database.executemany(
                f"delete from {table} where {key} = ? and day = ?", [(w, day) for w in words]
            )
            self._sum_words(table, local.day, is_that_day, excess, _SOME)
        self._database.execute("delete from slot_total where slot between ? and ?", slots)
        self._sum_slots("true", excess, _SOME)
        self._database.execute(f"drop table temp.{_SOME}")

    def _sum_turns(
        self, day: str, condition: str, excess: Excess | None, turns: str = "turn"
    ) -> None:
        self._database.execute(
            f"insert into day_total (day, {_KEYS}, {NAMES}) "
            f"select day, {_KEYS}, {sums_of(excess)} "
            f"from {turns_with(turns, f'{day} as day', condition, excess)} group by 1, 2, 3, 4"
        )

    def _sum_words(
        self, table: str, day: str, condition: str, excess: Excess | None, turns: str = "turn"
    ) -> None:
        key, value = _WORDS[table]
        # The sums by session have messages, so those by message can be made from them.
        keys = {key: value, "day": day, "message": _WORDS["message_total"][1]}
        made = ", ".join([f"{value} as new_{name}" for name, value in keys.items()])
        groups = ", ".join([str(number + 1) for number in range(len(keys) + 1)])
        self._database.execute(
            f"insert into {table} ({', '.join(keys)}, failed, {NAMES}, {', '.join(KINDS)}) "
            f"select {', '.join([f'new_{name}' for name in keys])}, kind & {FAILED}, "
            f"{sums_of(excess)}, {OF_KINDS} "
            f"from {turns_with(turns, made, condition, excess)} group by {groups}"
        )

    def _sum_messages(self) -> None:
        kinds = ", ".join([f"sum({name})" for name in KINDS])
        self._database.execute(
            f"insert into message_total (message, day, failed, {NAMES}, {', '.join(KINDS)}) "
            f"select message, day, failed, {ADDED}, {kinds} from session_total group by 1, 2, 3"
        )

    def _sum_slots(self, condition: str, excess: Excess | None, turns: str = "turn") -> None:
        self._database.execute(
            f"insert into slot_total (slot, failed, {NAMES}, {', '.join(KINDS)}) "
            f"select slot, kind & {FAILED}, {sums_of(excess)}, {OF_KINDS} "
            f"from {turns_with(turns, f'{SLOT_OF_TURN} as slot', condition, excess)} group by 1, 2"
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
            f"insert into date_total (day, failed, {NAMES}, {', '.join(KINDS)}) "
            f"select day, kind & {FAILED}, {ADDED}, {OF_TOTALS} "
            f"from day_total where {condition} group by 1, 2"
        )

    def _sum_month(self, month: int) -> None:
        first, last = first_day_of(month), first_day_of(month + 1) - 1
        self._database.execute(
            f"insert into month_total (month, {_KEYS}, {NAMES}) "
            f"select {first}, {_KEYS}, {ADDED} from day_total "
            f"where day between {first} and {last} group by {_KEYS}"
        )


def _is_day(local: LocalTime, day: int) -> str:
    return f"{near(day, day)} and {local.day} = {day}"
