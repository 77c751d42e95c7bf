"""Whether the index has totals that fit a question, and what they are about."""

from __future__ import annotations

from tokentrack.reports.zones import DAY, SECOND

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3

    from tokentrack.reports.index.excess import Excess, Limit
    from tokentrack.reports.zones import Zone

# The number of 1 January 1970, where day 1 is 1 January of the year 1.
_EPOCH_DAY = 719_163
LARGEST_OFFSET = 24 * 3600 * SECOND
# Half an hour: the clocks of nearly all zones differ by whole slots.
SLOT = 1800 * SECOND
BEFORE_1970 = _EPOCH_DAY * DAY
SLOT_OF_TURN = f"(at + {BEFORE_1970}) / {SLOT}"
SLOT_BEGIN = f"(slot * {SLOT} - {BEFORE_1970})"


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


def zone_text(zone: Zone, first: int, last: int) -> str:
    """Return two times, and the offsets from UTC between them."""
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
        found.append(f"at >= {(first - _EPOCH_DAY) * DAY - LARGEST_OFFSET}")
    if last is not None:
        found.append(f"at < {(last + 1 - _EPOCH_DAY) * DAY + LARGEST_OFFSET}")
    return " and ".join(found)


def near_slots(first: int | None, last: int | None) -> list[str]:
    """Return conditions on slots, which all that have turns of some days meet."""
    found = []
    if first is not None:
        found.append(f"slot >= {(first * DAY - LARGEST_OFFSET) // SLOT}")
    if last is not None:
        found.append(f"slot < {((last + 1) * DAY + LARGEST_OFFSET) // SLOT}")
    return found


def has_limit(database: sqlite3.Connection, limit: Limit) -> bool:
    """Tell whether there are totals with what is beyond a limit."""
    from tokentrack.reports.index.excess import stored_limit

    found = stored_limit(database)
    return found is not None and found.text == limit.text


def stored_excess(database: sqlite3.Connection, zone: Zone) -> Excess | None:
    """Return what is beyond the limit for which there are totals, None without one."""
    from tokentrack.reports.index.excess import Excess, stored_crossings, stored_limit

    limit = stored_limit(database)
    if limit is None:
        return None
    excess = Excess(database, limit, zone, stored_crossings(database))
    excess.is_stored = True
    return excess
