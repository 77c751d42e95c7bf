"""Which credits are beyond a plan: those that come after its credits of the billing month.

They are used up day by day, within a day in the order of time (at the same time, of the turns'
numbers), by all of the user's turns in all known ledgers. The turn that crosses is split. The
credits of other users are all beyond.
"""

from __future__ import annotations

from tokentrack.reports.allowance import billing_month
from tokentrack.reports.credit_texts import units_of
from tokentrack.reports.index.cells import key_of_text, limbs_of
from tokentrack.reports.zones import DAY, piecewise

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from tokentrack.reports.zones import LocalTime, Zone

# For each limb of a turn's credits, the part of it that is beyond; `beyond` is an `Excess.value`.
LIMBS = ("a", "b", "c")
_ALWAYS = -(2**62)


class Limit:
    """The credits that a user may use in each billing month.

    Attributes:
        units: the credits, in units of 10^-27.
        billing_day: the day on which a billing month begins.
        user: whose turns use them up, together with those of no user.
        text: all of that, to compare it.
    """

    __slots__ = ("billing_day", "text", "units", "user")

    def __init__(self, units: int, billing_day: int, user: str) -> None:
        self.units = units
        self.billing_day = billing_day
        self.user = user
        self.text = f"{units} {billing_day} {user}"

    def month_of(self, day: int) -> tuple[int, int]:
        """Return the first day of a day's billing month, and the first day after it."""
        return billing_month(day, self.billing_day)


class Crossing:
    """The turn with which the credits of a billing month are used up.

    Attributes:
        day: its local day.
        at: its time.
        number: its number in the index.
        rest: its credits beyond the limit, in units of 10^-27.
    """

    __slots__ = ("at", "day", "number", "rest")

    def __init__(self, day: int, at: int, number: int, rest: int) -> None:
        self.day = day
        self.at = at
        self.number = number
        self.rest = rest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Crossing) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]  # mutable: not for sets


class Excess:
    """Which turns are beyond a limit, in SQL.

    Attributes:
        limit: the credits of a billing month.
        crossings: those of the billing months that have one, by time.
        is_stored: whether the totals have what is beyond.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        limit: Limit,
        zone: Zone,
        crossings: Iterable[Crossing] = (),
    ) -> None:
        """Name the index, the system's zone and the crossings, if they are known."""
        self.limit = limit
        self.crossings = sorted(crossings, key=lambda crossing: crossing.at)
        self._database = database
        self._zone = zone
        self.is_stored = False
        self._others = _kinds_of_others(database, limit.user)

    @property
    def is_of_others(self) -> str:
        """The condition that a turn, or what a total counts, is another user's; "" for never."""
        return f"usage_kind in ({self._others})" if self._others else ""

    @property
    def value(self) -> str:
        """0 for a turn within the limit, 1 for one beyond, more for one that crosses."""
        steps: list[tuple[int, str]] = [(_ALWAYS, "0")]
        for index, crossing in enumerate(self.crossings):
            at, number = crossing.at, crossing.number
            tie = f"case when id < {number} then 0 when id > {number} then 1 else {index + 2} end"
            end = self._zone.start_of(self.limit.month_of(crossing.day)[1])
            steps += [(at, tie), (at + 1, "1"), (max(end, at + 2), "0")]
        found = piecewise(steps, "at")
        return f"case when {self.is_of_others} then 1 else {found} end" if self._others else found

    @property
    def day_value(self) -> str:
        """1 for a day of totals that is beyond the limit, 0 for one within."""
        steps: list[tuple[int, str]] = [(_ALWAYS, "0")]
        for crossing in self.crossings:
            end = self.limit.month_of(crossing.day)[1]
            steps += [(crossing.day + 1, "1"), (end, "0")]
        return piecewise(steps, "day")

    def sums(self) -> list[str]:
        """Return the sums of the limbs beyond, over turns with their value as `beyond`."""
        found = []
        for index, limb in enumerate(LIMBS):
            rests = [limbs_of(crossing.rest)[index] for crossing in self.crossings]
            each = " ".join([f"when {n + 2} then {rest}" for n, rest in enumerate(rests)])
            rest = f"when beyond > 1 then case beyond {each} end " if rests else ""
            found.append(f"sum(case when beyond = 1 then {limb} {rest}end)")
        return found

    def find(self, used: dict[int, int], local: LocalTime, near: str = "true") -> None:
        """Find the crossings of the billing months of some days.

        Args:
            used: by day, the user's credits in units of 10^-27; all days of each month.
            local: the days, as SQL.
            near: a condition that all turns of these days meet.
        """
        left = self._before_crossing(used)
        if not left:
            return
        mine = f"not {self.is_of_others}" if self._others else "true"
        days = ", ".join(map(str, left))
        # A day more at each end, since clocks can go back over midnight.
        first, end = self._zone.start_of(min(left)) - DAY, self._zone.start_of(max(left) + 1) + DAY
        rows = self._database.execute(
            f"select {local.day}, at, id, a, b, c from turn where at >= {first} "
            f"and at < {end} and {near} "
            f"and a is not null and ifnull({mine}, true) and {local.day} in ({days}) "
            "order by 1, at, id"
        )
        for day, at, number, *limbs in rows:
            if day in left:
                left[day] -= units_of(*limbs)
                if left[day] <= 0:
                    self.crossings.append(Crossing(day, at, number, -left.pop(day)))
        self.crossings.sort(key=lambda crossing: crossing.at)

    def _before_crossing(self, used: dict[int, int]) -> dict[int, int]:
        # The days on which the credits are used up, and what is left of them before.
        found, left = {}, 0
        end = _ALWAYS
        for day in sorted(used):
            if day >= end:
                left, end = self.limit.units, self.limit.month_of(day)[1]
            if 0 < left <= used[day]:
                found[day] = left
            left -= used[day]
        return found


def used_by_day(
    database: sqlite3.Connection, excess: Excess, table: str, day: str, condition: str, add: str
) -> dict[int, int]:
    """Return by day the credits that the user used, in units of 10^-27.

    Args:
        database: the index.
        excess: what is another user's.
        table: `turn`, or the totals by day.
        day: the day, an expression.
        condition: which turns are looked at.
        add: the name of the sum.
    """
    mine = f"ifnull(not {excess.is_of_others}, true)" if excess.is_of_others else "true"
    sums = ", ".join([f"{add}({limb})" for limb in LIMBS])
    return {
        found: units_of(*map(int, limbs))
        for found, *limbs in database.execute(
            f"select {day}, {sums} from {table} "
            f"where {condition} and {mine} and a is not null group by 1"
        )
    }


def _kinds_of_others(database: sqlite3.Connection, user: str) -> str:
    query = "select n from word where hash = ? and text = ?"
    data = user.encode("utf-8", "surrogatepass")
    own = database.execute(query, (key_of_text(user), data)).fetchone() if user else None
    number = own[0] if own else 0
    query = "select n from usage_kind where user is not null and user <> ? order by n"
    return ", ".join([str(n) for (n,) in database.execute(query, (number,))])


def stored_limit(database: sqlite3.Connection) -> Limit | None:
    """Return the limit for which an index has totals."""
    found = database.execute("select value from meta where key = 'limit'").fetchone()
    if found is None:
        return None
    units, day, user = found[0].split(" ", 2)
    return Limit(int(units), int(day), user)


def stored_crossings(database: sqlite3.Connection) -> list[Crossing]:
    """Return the crossings of the limit for which an index has totals."""
    rows = database.execute("select day, at, id, a, b, c from crossing order by at")
    return [Crossing(day, at, number, units_of(*limbs)) for day, at, number, *limbs in rows]


def store(database: sqlite3.Connection, excess: Excess) -> None:
    """Store a limit and its crossings."""
    database.execute("delete from crossing")
    database.executemany(
        "insert into crossing values (?, ?, ?, ?, ?, ?)",
        [(c.day, c.at, c.number, *limbs_of(c.rest)) for c in excess.crossings],
    )
    value = excess.limit.text
    database.execute("insert or replace into meta values ('limit', ?)", (value,))


def changed_days(old: Excess, new: Excess) -> set[int]:
    """Return the days on which other credits are beyond with the new crossings."""
    before, after = ({e.limit.month_of(c.day): c for c in e.crossings} for e in (old, new))
    found: set[int] = set()
    for first, end in before.keys() | after.keys():
        both = [months.get((first, end)) for months in (before, after)]
        if both[0] != both[1]:
            days = [crossing.day if crossing else end - 1 for crossing in both]
            found |= set(range(min(days), max(days) + 1))
    return found
