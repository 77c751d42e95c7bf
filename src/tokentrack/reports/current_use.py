"""What the user has used today and in this billing month, from the index's sums by day.

The sums that no total has come from `turn_sums`, which is loaded only where it is needed.
"""

from __future__ import annotations

from tokentrack.reports.allowance import billing_month, days_left, first_asked
from tokentrack.reports.credit_texts import units_of
from tokentrack.reports.index.day_totals import totals_fit

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from tokentrack.reports.allowance import Allowance
    from tokentrack.reports.zones import Zone

    # Whether they failed, how many turns, and the three integers of their credits.
    Sums = tuple[int, int, int | None, int, int]

_BY_DAY = "select day, failed, turns, a, b, c from date_total where day >= ?"
_OTHER_USER = """
select 1 from usage_kind k join word w on w.n = k.user where w.text not in (?, x'') limit 1
"""


class Use:
    """What some turns have used.

    Attributes:
        turns: how many they are.
        failed: how many of them failed.
        credits: their credits in units of 10^-27; None is unknown.
    """

    __slots__ = ("credits", "failed", "turns")

    def __init__(self, sums: Iterable[Sums]) -> None:
        """Add up the sums of turns."""
        self.turns = self.failed = 0
        self.credits: int | None = None
        for has_failed, turns, high, middle, low in sums:
            self.turns += turns
            self.failed += turns * has_failed
            if high is not None:
                self.credits = (self.credits or 0) + units_of(high, middle, low)
        if not self.turns:
            self.credits = 0


class CurrentUse:
    """The use of all known ledgers.

    Attributes:
        today: today's turns.
        month: those of the billing month; without a plan, of the calendar's.
        allowance: the plan's credits, None without a plan.
        days_left: for how many days these last; None without a plan or a pace.
        days_to_go: how many days are left until the plan renews, without today.
        session: a session's turns; None without a session.
    """

    __slots__ = ("allowance", "days_left", "days_to_go", "month", "session", "today")

    def __init__(self, today: Use, month: Use, allowance: Allowance | None) -> None:
        self.today = today
        self.month = month
        self.allowance = allowance
        self.days_left: int | None = None
        self.days_to_go = 0
        self.session: Use | None = None

    @property
    def left(self) -> int | None:
        """The credits that are left of the plan in units of 10^-27, below 0 if more were used."""
        if self.allowance is None:
            return None
        return self.allowance.units - (self.month.credits or 0)


def current_use(
    database: sqlite3.Connection, zone: Zone, user: str, allowance: Allowance | None, now: int
) -> CurrentUse:
    """Return what a user has used; turns without a user count as theirs.

    Args:
        database: the index.
        zone: whose days count.
        user: the user's name, "" if it is unknown.
        allowance: the plan's credits, None without a plan.
        now: the time in microseconds since the epoch.
    """
    day = zone.local_day(now)
    first, end = billing_month(day, 1 if allowance is None else allowance.billing_day)
    by_day = _by_day(database, zone, user, first if allowance is None else first_asked(first, day))
    today = Use([sums for at, found in by_day.items() if at >= day for sums in found])
    month = Use([sums for at, found in by_day.items() if first <= at <= day for sums in found])
    use = CurrentUse(today, month, allowance)
    use.days_to_go = end - day - 1
    if use.left is not None:
        credits_ = {at: Use(found).credits for at, found in by_day.items()}
        known = {at: amount for at, amount in credits_.items() if amount is not None}
        use.days_left = days_left(known, use.left, day)
    return use


def _by_day(
    database: sqlite3.Connection, zone: Zone, user: str, first: int
) -> dict[int, list[Sums]]:
    # The smallest totals are those of all users, and of the days of one zone.
    name = user.encode("utf-8", "surrogatepass")
    is_of_all = database.execute(_OTHER_USER, (name,)).fetchone() is None
    if is_of_all and totals_fit(database, zone, zone.start_of(first)):
        rows = database.execute(_BY_DAY, (first,)).fetchall()
    else:
        from tokentrack.reports.turn_sums import sums_by_day

        rows = sums_by_day(database, zone, user, first)
    found: dict[int, list[Sums]] = {}
    for day, *sums in rows:
        found.setdefault(day, []).append(tuple(sums))
    return found
