"""The sums, over turns and over the totals that the index has."""

from __future__ import annotations

from tokentrack.reports.index.tables import (
    BASIS_MASK,
    ESTIMATED_TOKENS,
    TIMED_MICROS,
    TIMED_TOKENS,
    UNKNOWN_TOKENS,
)

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    import sqlite3
    from typing import Any


class Sum:
    """A sum: its name, and its expression over turns, over totals, and over totals by date.

    A sum that no total has is empty there.
    """

    __slots__ = ("name", "of_dates", "of_totals", "of_turns")

    def __init__(self, name: str, of_turns: str, of_totals: str, of_dates: str = "") -> None:
        self.name = name
        self.of_turns = of_turns
        self.of_totals = of_totals
        self.of_dates = of_dates


def _plain(name: str, of_turns: str) -> Sum:
    return Sum(name, of_turns, f"sum({name})", f"sum({name})")


def _of_each(name: str, of_kinds: str) -> Sum:
    # Totals by kind are summed as turns are.
    return Sum(name, of_kinds, of_kinds, f"sum({name})")


def _of_basis(name: str, basis: int) -> Sum:
    test = f"case when usage_kind & {BASIS_MASK} = {basis} then {{}} else 0 end"
    return Sum(name, f"sum({test.format(1)})", f"sum({test.format('turns')})", f"sum({name})")


TURNS, KNOWN = _plain("turns", "count(*)"), _plain("known", "count(a)")
REQUESTS = Sum(
    "tracked",
    "sum(kind is null)",
    "sum(case when kind = 0 then turns else 0 end)",
    "sum(tracked)",
)
NUMBERS = (
    TURNS,
    KNOWN,
    _plain("a", "sum(a)"),
    _plain("b", "sum(b)"),
    _plain("c", "sum(c)"),
    _plain("tokens", "sum(tokens)"),
    _plain("micros", "sum(micros)"),
    REQUESTS,
)
# The credits beyond the plan; over turns it depends on the plan, see `index.excess`.
OVER_NAMES = ("over_a", "over_b", "over_c")
OVER = tuple([_plain(name, "") for name in OVER_NAMES])
# What some metrics need in addition, by name; no total has the kinds of tokens.
MORE = {
    found.name: found
    for found in (
        *OVER,
        *[Sum(name, f"sum({name})", "") for name in ("input", "output", "cached")],
        _plain("timed_tokens", f"sum({TIMED_TOKENS})"),
        _plain("timed_micros", f"sum({TIMED_MICROS})"),
        _of_each("estimated_tokens", f"sum({ESTIMATED_TOKENS})"),
        _of_each("unknown_tokens", f"sum({UNKNOWN_TOKENS})"),
    )
}
PROVENANCE = (
    TURNS,
    KNOWN,
    REQUESTS,
    _plain("copies", "sum(copies)"),
    _plain("superseded", "sum(superseded)"),
    _of_basis("reported", 1),
    _of_basis("estimated", 2),
)


def add_wide_sum(database: sqlite3.Connection) -> None:
    """Add `wide_sum` to what a database can work out."""
    aggregate: Any = WideSum  # its result is text, which its stub does not know
    database.create_aggregate("wide_sum", 1, aggregate)


class WideSum:
    """As `sum` of SQLite; the result is text, since it may not fit into 64 bits."""

    def __init__(self) -> None:
        self._sum: int | None = None

    def step(self, value: int | None) -> None:
        """Add a number."""
        if value is not None:
            self._sum = value + (self._sum or 0)

    def finalize(self) -> str | None:
        """Return the sum, None if no number is known."""
        return None if self._sum is None else str(self._sum)
