"""The overview's facts: today, a time and its days, the days before, and who used most of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.timestamps import format_us
from tokentrack.reports import calendar
from tokentrack.reports.answer import COST, USUAL_METRICS, Answer, Query
from tokentrack.reports.exact import plain_text, sum_of
from tokentrack.reports.plan_use import PlanUse, plan_question
from tokentrack.reports.render.documents import priced
from tokentrack.reports.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.reports.pricing.plan import Rates

USUAL_PERIOD = "this-month"
_MOST_DAYS = 200
_TURN_FIELDS = ("id", "when", "workspace", "model", "credits", "prompt")


class Compared(NamedTuple):
    """The same days of the month before, from `first` to `last`.

    Attributes:
        first: the number of the first of these days.
        last: the number of the last one.
        turns: how many turns they had.
        credits: their credits; None is unknown.
        change: how much the credits have grown since, as a part of them; None is unknown.
    """

    first: int
    last: int
    turns: int
    credits: Decimal | None
    change: Decimal | None


class Month(NamedTuple):
    """The month that the overview is about, and the one before, by the numbers of their days.

    Attributes:
        first: its first day.
        before: the first day of the month before.
        is_billing: whether it is the plan's month; otherwise it is the calendar's.
    """

    first: int
    before: int
    is_billing: bool


class Overview:
    """What the overview says.

    Attributes:
        day: the number of the local day of today.
        first: the number of the period's first day; None is open.
        last: the number of its last day, at most today.
        is_usual: whether the period is this month up to now.
        is_billing: whether that is the plan's billing month.
        period: the turns of the period, by day.
        today: today's turns, without rows; None if the period does not reach today.
        workspaces: the turns of the period by workspace, with the most credits first.
        models: the same by model.
        ever: all turns that pass the filters, without rows.
        others: how many turns of the period are another user's, which are left out.
        compared: the same days of last month; None for another period, or without turns then.
        most_expensive: today's turns with the most credits, as `list_turns` has them; filled in
            by the caller.
        plan: the use of the plan; None without one, or if not all turns are asked about.
    """

    def __init__(self, by_name: Mapping[str, Answer], zone: Zone, now: int, month: Month) -> None:
        """Take the answers of `questions`, by their names."""
        self.period = by_name["period"]
        self.workspaces, self.models = by_name["workspaces"], by_name["models"]
        self.ever = by_name["ever"]
        self.day = zone.local_day(now)
        since, until = self.period.since, self.period.until
        self.first = None if since is None else zone.local_day(since)
        self.last = self.day if until is None else min(self.day, zone.local_day(until - 1))
        self.is_usual = "before" in by_name
        is_over = until is not None and until <= zone.start_of(self.day)
        self.today = None if is_over else by_name["today"]
        self.is_billing = self.is_usual and month.is_billing
        self.others = by_name["others"].total["turns"] if "others" in by_name else 0
        self.compared = self._compare(by_name["before"], month) if self.is_usual else None
        self.most_expensive: list[dict[str, Any]] = []
        self.plan: PlanUse | None = None
        rates = self.period.query.rates
        if rates is not None and "plan" in by_name:
            self.plan = PlanUse(by_name["plan"], rates, Zone().local_day(now))

    def _compare(self, before: Answer, month: Month) -> Compared | None:
        first = month.before
        last = min(first + self.day - month.first, month.first - 1)
        rows = [row for row in before.rows if row["day"] <= calendar.day_name(last)]
        if not rows:
            return None
        known = [row["credits"] for row in rows if row["credits"] is not None]
        credits_ = sum_of(known) if known else None
        now = self.period.total["credits"]
        change = None if now is None or not credits_ else (Decimal(now) - credits_) / credits_
        return Compared(first, last, sum(row["turns"] for row in rows), credits_, change)

    def days(self) -> list[float | None]:
        """Return the credits of the period's last days, at most 200; None is unknown."""
        by_day = {row["day"]: row["credits"] for row in self.period.rows}
        if not by_day:
            return []
        first = self.first
        if first is None:
            first = calendar.day_number(*map(int, min(by_day).split("-")))
        found = []
        for day in range(max(first, self.last - _MOST_DAYS + 1), self.last + 1):
            amount = by_day.get(calendar.day_name(day), "0")
            found.append(None if amount is None else float(amount))
        return found


def month_of(rates: Rates | None, since: str | None, zone: Zone, now: int) -> Month:
    """Return the month that the overview is about: the plan's or, by its name, the calendar's.

    Args:
        rates: how credits are priced; None without a plan.
        since: when the period begins, if the user says so.
        zone: whose days count.
        now: the time, in microseconds since the epoch.
    """
    day = zone.local_day(now)
    if rates is not None and since is None:
        first = rates.plan.month_of(Zone().local_day(now))[0]
        return Month(first, rates.plan.month_of(first - 1)[0], is_billing=True)
    month = calendar.month_of(day)
    return Month(calendar.first_day_of(month), calendar.first_day_of(month - 1), is_billing=False)


def questions(
    since: str | None,
    until: str | None,
    rates: Rates | None,
    month: Month,
    where: Mapping[str, Sequence[str]],
    own: Sequence[str] | None,
    *,
    is_all: bool,
    now: int,
) -> dict[str, dict[str, Any]]:
    """Return the fields of the questions that an overview needs, by their names.

    Args:
        since: when its period begins; without it and `until`, this month.
        until: when it ends.
        rates: how credits are priced; None without a plan.
        month: what `month_of` returned.
        where: the filters.
        own: the names that the user's own rows have, "" for none; None for the rows of all users.
        is_all: whether all turns of all ledgers are asked about, as the use of a plan needs.
        now: the time, in microseconds since the epoch.
    """
    metrics = USUAL_METRICS if rates is None else (*USUAL_METRICS, COST)
    mine = dict(where) if own is None else {**where, "user": tuple(own)}
    priced = {"metrics": metrics, "rates": rates, "where": mine}
    is_usual = since in {None, USUAL_PERIOD} and until is None
    first = calendar.day_name(month.first) if is_usual else since or USUAL_PERIOD
    period = {"since": first, "until": until, **priced}
    found: dict[str, dict[str, Any]] = {
        "period": {"by": ("day",), **period},
        "today": {"by": (), "since": "today", "until": None, **priced},
        "workspaces": {"by": ("workspace",), **period},
        "models": {"by": ("model",), **period},
        "ever": {"by": (), "since": None, "until": None, "where": mine},
    }
    if is_usual:
        edges = {"since": month.before, "until": month.first - 1}
        before = {name: calendar.day_name(day) for name, day in edges.items()}
        found["before"] = {"by": ("day",), **before, "where": mine}
    if own is not None:
        others = {**where, "user": tuple([f"!{name}" for name in own])}
        found["others"] = {"by": (), "since": first, "until": until, "where": others}
    if rates is not None and is_all:
        found["plan"] = plan_question(rates, Zone().local_day(now))
    return found


def overview_document(found: Overview, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overview for programs: the report of its days, and what it has beyond.

    Args:
        found: the overview.
        document: the JSON document of its period.
    """
    provenance = document["provenance"]
    head = {name: value for name, value in document.items() if name != "provenance"}
    today, compared = found.today, found.compared
    return {
        **head,
        "today": None if today is None else _today_document(today),
        "plan": found.plan and found.plan.to_dict(),
        "last_month": None if compared is None else _compared_document(compared),
        "workspaces": [priced(row, found.workspaces) for row in found.workspaces.rows],
        "models": [priced(row, found.models) for row in found.models.rows],
        "most_expensive_today": [
            {name: row[name] for name in _TURN_FIELDS} for row in found.most_expensive
        ],
        "provenance": provenance,
    }


def _today_document(today: Answer) -> dict[str, Any]:
    return {"since": _time(today.since), **priced(today.total, today)}


def _compared_document(compared: Compared) -> dict[str, Any]:
    change = compared.change
    return {
        "first_day": calendar.day_name(compared.first),
        "last_day": calendar.day_name(compared.last),
        "turns": compared.turns,
        "credits": None if compared.credits is None else plain_text(compared.credits),
        "change_percent": None if change is None else round(float(change) * 100, 1),
    }


def overview_table(found: Overview) -> Answer:
    """Return the overview as one table, by section and name."""
    period = found.period
    query = Query(("section", "name"), period.query.metrics, period.query.where)
    table = Answer(query, period.since, period.until, period.tz, period.unreadable)
    if found.today is not None:
        name = calendar.day_name(found.day)
        table.rows.append({"section": "today", "name": name, **found.today.total})
    for section, answer in (
        ("day", period), ("workspace", found.workspaces), ("model", found.models),
    ):  # fmt: skip
        for row in answer.rows:
            metrics = {name: row[name] for name in query.metrics}
            table.rows.append({"section": section, "name": row[section], **metrics})
    table.total, table.provenance = period.total, period.provenance
    return table


def _time(at: int | None) -> str | None:
    return None if at is None else format_us(at)
