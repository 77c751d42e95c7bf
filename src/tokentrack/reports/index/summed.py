"""What the tables of totals sum, as SQL over turns and over other totals."""

from __future__ import annotations

from tokentrack.reports.index.tables import (
    BASIS_MASK,
    ESTIMATED_TOKENS,
    TIMED_MICROS,
    TIMED_TOKENS,
    TRACKED,
    UNKNOWN_TOKENS,
)

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from tokentrack.reports.index.excess import Excess

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
_OVER = ("over_a", "over_b", "over_c")
NAMES = ", ".join([*[name for name, _ in _SUMMED], *_OVER])
ADDED = ", ".join([f"sum({name})" for name in (*[name for name, _ in _SUMMED], *_OVER)])
KINDS = ("reported", "estimated", "tracked", "estimated_tokens", "unknown_tokens")
_TOKENS_OF_BASES = f"sum({ESTIMATED_TOKENS}), sum({UNKNOWN_TOKENS})"
# What the sums need of a turn.
_COLUMNS = (
    "ledger, ifnull(kind, 0) as kind, ifnull(usage_kind, 0) as usage_kind, tokens, micros, "
    "a, b, c, copies, superseded"
)
COLUMNS_OF_TURN = (
    "id, at, ledger, kind, usage_kind, tokens, micros, a, b, c, copies, superseded, session, "
    "usage_session, message"
)
# These, over turns and over totals by kind.
OF_KINDS = ", ".join([
    *[f"sum(usage_kind & {BASIS_MASK} = {basis})" for basis in (1, 2)],
    f"sum(kind = 0 and usage_kind & {TRACKED} <> 0)",
    _TOKENS_OF_BASES,
])  # fmt: skip
OF_TOTALS = ", ".join([
    *[
        f"sum(case when usage_kind & {BASIS_MASK} = {basis} then turns else 0 end)"
        for basis in (1, 2)
    ],
    f"sum(case when usage_kind & {TRACKED} and kind = 0 then turns else 0 end)",
    _TOKENS_OF_BASES,
])  # fmt: skip


def turns_with(turns: str, keys: str, condition: str, excess: Excess | None) -> str:
    """Return those of some turns that meet a condition, with keys and with what is beyond."""
    beyond = "" if excess is None else f", {excess.value} as beyond"
    # The limit keeps SQLite from working out `beyond` once for each sum.
    end = "" if excess is None else " limit -1"
    return f"(select {keys}, {_COLUMNS}{beyond} from {turns} where {condition}{end})"


def sums_of(excess: Excess | None) -> str:
    """Return the sums over `turns_with`, in the order of `NAMES`."""
    over = ["null"] * len(_OVER) if excess is None else excess.sums()
    return ", ".join([*[value for _, value in _SUMMED], *over])
