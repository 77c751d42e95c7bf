"""What turns cost by a plan, worked out turn by turn."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from support.oracle_files import EXACT

if TYPE_CHECKING:
    from support.oracle import Turn
    from tokentrack.reports.pricing.plan import Rates

# Of requests, by model: in USD for 1,000 tokens of input, output, and cached input.
PRICES = {"auto": ("0.002", "0.01", "0.0005"), "claude-sonnet-4.5": ("0.003", "0.015", "0.0003")}
_PRIME = 2**61 - 1


def number_of(identity: str) -> int:
    """Return the number that decides between turns of one time."""
    return int.from_bytes(identity.encode("utf-8", "surrogatepass"), "big") % _PRIME


def costs_of(turns: list[Turn], rates: Rates) -> dict[int, Decimal | None]:
    """Return the cost of each turn by its `id`, in dollars; unknown credits cost None."""
    found: dict[int, Decimal | None] = {}
    left = defaultdict(lambda: rates.plan.credits)
    with localcontext(EXACT):
        rate = rates.plan.price / rates.plan.credits
        for turn in sorted(turns, key=lambda t: (_day(t), t.at, t.number)):
            if turn.credits is None:
                found[id(turn)] = _request_cost(turn)
                continue
            inside = Decimal(0)
            if turn.values["user"] in {"", rates.user} and not rates.is_list:
                month = _month(_day(turn), rates.plan.billing_day)
                inside = min(turn.credits, left[month])
                left[month] -= inside
            found[id(turn)] = inside * rate + (turn.credits - inside) * rates.plan.overage
    return found


def _request_cost(turn: Turn) -> Decimal | None:
    if not turn.is_request or turn.values["model"] not in PRICES:
        return None
    given, produced, cached = turn.counts
    plain, out, from_cache = map(Decimal, PRICES[turn.values["model"]])
    return ((given - cached) * plain + produced * out + cached * from_cache) / 1000


def _day(turn: Turn) -> date:
    # In the system's zone, in which billing months begin.
    return datetime.fromtimestamp(turn.at // 10**6).date()  # noqa: DTZ006  (see above)


def _month(day: date, billing_day: int) -> tuple[int, int]:
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    begins = min(billing_day, (following - timedelta(days=1)).day)
    if day.day >= begins:
        return day.year, day.month
    before = day.replace(day=1) - timedelta(days=1)
    return before.year, before.month
