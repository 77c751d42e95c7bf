"""Budgets: how much of a budget is used, and one alert for each threshold that is reached."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tokentrack.common import timestamps
from tokentrack.common.formatting import counted, format_cost, format_tokens
from tokentrack.errors import ValidationError
from tokentrack.reports.periods import DAY, MONTH, TOTAL, WEEK, days_of
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from tokentrack.reports.requests.tracked_requests import TrackedRequests
    from tokentrack.store.directory import Directory

BUDGET_PERIODS = (DAY, WEEK, MONTH, TOTAL)
# Which alerts were given already, in the ledger's state folder.
ALERTS_NAME = "usage_alerts.json"
_MAX_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit for a period: in USD, in tokens, or both.

    Attributes:
        limit_usd: US dollars, more than 0.
        limit_tokens: input and output tokens, more than 0.
        period: `day`, `week` (from Monday), `month` or `total`.
        thresholds: the shares of the limit that cause an alert, in rising order.
        name: the budget's name in alerts.
        session_id: count only requests of this session.
        user: count only requests of this user.
        model_name: count only requests of this model.
    """

    limit_usd: float | None = None
    limit_tokens: int | None = None
    period: str = MONTH
    thresholds: tuple[float, ...] = (0.5, 0.75, 1.0)
    name: str = "budget"
    session_id: str | None = None
    user: str | None = None
    model_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse a budget that could never alert.

        Raises:
            ValidationError: with every problem found.
        """
        issues = []
        if self.limit_usd is None and self.limit_tokens is None:
            issues.append("a budget needs limit_usd or limit_tokens")
        for name in ("limit_usd", "limit_tokens"):
            value = getattr(self, name)
            if value is not None and not _is_positive(value):
                issues.append(f"{name} must be a number above 0, not {value!r}")
        if self.period not in BUDGET_PERIODS:
            allowed = ", ".join(BUDGET_PERIODS)
            issues.append(f"period must be one of {allowed}, not {self.period!r}")
        if not self.thresholds or not all(_is_positive(share) for share in self.thresholds):
            issues.append(f"thresholds must be shares above 0, not {self.thresholds!r}")
        elif sorted(set(self.thresholds)) != list(self.thresholds):
            issues.append(f"thresholds must be in rising order, not {self.thresholds!r}")
        if issues:
            raise ValidationError(issues)

    @property
    def scope(self) -> dict[str, str]:
        """What it is limited to: `session`, `user` and `model`."""
        named = {"session": self.session_id, "user": self.user, "model": self.model_name}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def key(self) -> str:
        """The budget's identity: another limit, period or scope is another budget."""
        parts = (self.name, self.limit_usd, self.limit_tokens, self.period)
        return repr((*parts, self.session_id, self.user, self.model_name))


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > 0 and (isinstance(value, int) or math.isfinite(value))


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """How much of a budget is used.

    Attributes:
        budget: the budget.
        period_start: when its current period began; None for `total`.
        spent_usd: the cost of the period's requests that have a price.
        spent_tokens: the period's tokens.
        share: the used share of its limit, the larger one of two; 1.0 is all of it.
        unpriced_requests: how many requests are not in `spent_usd` because they have no price.
    """

    budget: Budget
    period_start: datetime | None
    spent_usd: float
    spent_tokens: int
    share: float
    unpriced_requests: int


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A threshold that was reached for the first time in its period."""

    threshold: float
    status: BudgetStatus

    @property
    def message(self) -> str:
        """The alert as one sentence."""
        status, budget = self.status, self.status.budget
        used = []
        if budget.limit_usd is not None:
            used.append(f"{format_cost(status.spent_usd)} of {format_cost(budget.limit_usd)}")
        if budget.limit_tokens is not None:
            spent, limit = format_tokens(status.spent_tokens), format_tokens(budget.limit_tokens)
            used.append(f"{spent} of {limit} tokens")
        when = "in total" if budget.period == TOTAL else f"this {budget.period}"
        text = f"{budget.name}: {self.threshold:.0%} reached, {' and '.join(used)} {when}"
        if status.unpriced_requests:
            text += f", and {counted(status.unpriced_requests, 'request')} without a price"
        return text


class BudgetMeter:
    """Measures how much of a budget is used in its current period."""

    def __init__(self, budget: Budget, zone: tzinfo | None) -> None:
        self.budget = budget
        self._tzinfo = zone
        self._zone = Zone(zone)

    def measure(self, requests: TrackedRequests) -> tuple[BudgetStatus, list[float]]:
        """Return how much of the budget is used, and its thresholds that are reached."""
        first = last = start = None
        if self.budget.period != TOTAL:
            today = self._zone.local_day(timestamps.now_us())
            first, following = days_of(today, self.budget.period)
            last = following - 1
            moment = timestamps.to_datetime(self._zone.start_of(first))
            start = moment.astimezone(self._tzinfo)
        spent = requests.spent(first, last, self.budget.scope)
        tokens = spent.input + spent.output
        share = self._share(spent.cost, tokens)
        status = BudgetStatus(
            budget=self.budget,
            period_start=start,
            spent_usd=float(spent.cost),
            spent_tokens=tokens,
            share=float(share),
            unpriced_requests=spent.unpriced,
        )
        return status, [x for x in self.budget.thresholds if share >= Fraction(str(x))]

    @property
    def key(self) -> str:
        """The key of its alerts in the state file; another zone has other days."""
        return f"{self.budget.key} {self._tzinfo or ''}".rstrip()

    def _share(self, cost: Fraction, tokens: int) -> Fraction:
        # Exactly: with floats, $0.15 of $0.20 would be less than 0.75.
        limits = (self.budget.limit_usd, self.budget.limit_tokens)
        return max(
            used / Fraction(str(limit))
            for used, limit in zip((cost, Fraction(tokens)), limits, strict=True)
            if limit is not None
        )


def new_alerts(
    state: Directory, meters: Sequence[BudgetMeter], requests: TrackedRequests
) -> list[BudgetAlert]:
    """Return the alerts that are due and were not given before, and save that they are given.

    The caller holds the ledger's lock.

    Raises:
        OSError: the alerts can't be saved as given; they are due again next time.
    """
    given = _read(state)
    due = [alert for meter in meters for alert in _due(meter, requests, given)]
    if due:
        data = json.dumps(given, indent=1, sort_keys=True).encode()
        state.replace(ALERTS_NAME, data, durable=True)
    return due


def _due(meter: BudgetMeter, requests: TrackedRequests, given: dict[str, Any]) -> list[BudgetAlert]:
    # Adds the returned alerts to `given`, where the current period replaces a past one.
    status, reached = meter.measure(requests)
    period = "" if status.period_start is None else status.period_start.astimezone(UTC).isoformat()
    saved = given.get(meter.key)
    if not isinstance(saved, dict) or saved.get("period") != period:
        saved = {}
    known = list(saved.get("thresholds", ()))
    new = [share for share in reached if share not in known]
    if new:
        given[meter.key] = {"period": period, "thresholds": known + new}
    return [BudgetAlert(share, status) for share in new]


def _read(state: Directory) -> dict[str, Any]:
    try:
        data = state.read(ALERTS_NAME, _MAX_FILE)
    except FileNotFoundError:
        return {}
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        return given
    # A damaged file is kept under another name.
    state.rename_to(ALERTS_NAME, state, f"{ALERTS_NAME}.corrupt")
    return {}
