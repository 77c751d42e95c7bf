"""Costs by the user's plan, against an oracle: turns in a list, `Fraction`, one turn at a time."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from support import oracle, oracle_files
from support.priced_turns import add_turn
from support.report_changes import ChangingWorld
from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.reports import query
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.pricing import Price, PriceTable
from tokentrack.reports.pricing.money import money_text
from tokentrack.reports.pricing.plan import Plan, Rates, plan_of
from tokentrack.store.paths import LedgerPaths

DAY = 86_400_000_000
FREE = PriceTable(
    {"claude-sonnet-4.5": Price(Decimal(0), Decimal(0), Decimal(0), "test", "2025-01-01")}
)
START = timestamps.parse("2026-01-20T00:00:00Z")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = 10**30
AMOUNTS = ["", "1.5", "0", "0.015805053067993367", "2.123456789012345678901234567", "4"]


def plan(credits_="10", price="5", overage="0.04", day=1):
    return Plan("Test", Decimal(price), Decimal(credits_), Decimal(overage), day)


def begins(year, month, billing_day):
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(billing_day - 1), following - timedelta(1))


def billing_month(at, billing_day):
    """Return the first day of a time's billing month, in UTC."""
    day = (EPOCH + timedelta(microseconds=at)).date()
    this = begins(day.year, day.month, billing_day)
    return (
        this
        if day >= this
        else begins(day.year + (day.month - 2) // 12, (day.month - 2) % 12 + 1, billing_day)
    )


def costs_of(turns, found, mine):
    """Return the cost of each turn: (at, id, credits, user) with credits as Decimal or None."""
    left = defaultdict(lambda: Fraction(found.credits))
    rate, overage = Fraction(found.price) / Fraction(found.credits), Fraction(found.overage)
    ordered = sorted(range(len(turns)), key=lambda n: (turns[n][0], key_of_text(turns[n][1])))
    by_turn = {}
    for number in ordered:
        at, _, amount, user = turns[number]
        if amount is None:
            by_turn[number] = None
            continue
        amount = Fraction(amount)
        month = billing_month(at, found.billing_day)
        inside = min(amount, left[month]) if user in (mine, "") else Fraction(0)
        left[month] -= inside
        by_turn[number] = inside * rate + (amount - inside) * overage
    return [by_turn[number] for number in range(len(turns))]


def text_of(costs):
    known = [cost for cost in costs if cost is not None]
    return money_text(sum(known, Fraction(0))) if known else None


class World:
    def __init__(self, folder, seed):
        self.random = random.Random(seed)
        self.folders = [folder / name / ".kiro" for name in ("one", "two")]
        for path in self.folders:
            path.mkdir(parents=True)
        self.turns = []

    @property
    def paths(self):
        return [
            LedgerPaths(str(f.parent), (".kiro",), "token_transactions.csv") for f in self.folders
        ]

    def add(self, at, amount, *, user="", workspace="web", model="auto", ledger=0):
        identity = f"e-{len(self.turns)}"
        add_turn(
            self.folders[ledger], identity, at, amount, user=user, workspace_folder=workspace,
            model=model,
        )  # fmt: skip
        self.turns.append(
            (at, identity, Decimal(amount) if amount else None, user, workspace, model, ledger)
        )

    def fill(self, count):
        pick = self.random.choice
        at = START
        for _ in range(count):
            at += pick([0, 0, 60_000_000, DAY // 3, DAY, 2 * DAY])
            self.add(
                at, pick(AMOUNTS),
                user=pick(["", "", "ann", "bob"]), workspace=pick(["web", "api"]),
                model=pick(["auto", "opus"]), ledger=pick([0, 1]),
            )  # fmt: skip

    def expected(self, found, mine):
        return costs_of([turn[:4] for turn in self.turns], found, mine)


def ask(world, found, *by, mine="ann", is_list=False, **more):
    rates = Rates(found, is_list, mine)
    return query(by, ledgers=world.paths, metrics=("turns", "credits", "cost"), rates=rates,
                 **{"tz": "UTC"} | more)  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_every_cost_is_the_oracles(tmp_path, seed):
    world = World(tmp_path, seed)
    world.fill(60)
    pick = random.Random(seed).choice
    index = str(tmp_path / "index.db") if seed % 2 else None
    for _ in range(4):
        found = plan(pick(["0.5", "7", "30", "10000", "2.123456789012"]), day=pick([1, 15, 28, 31]))
        mine = pick(["ann", "", "bob"])
        costs = world.expected(found, mine)
        zone = pick(["UTC", "Asia/Kolkata", "America/St_Johns"])
        for by, at in (("workspace", 4), ("model", 5)):
            answer = ask(world, found, by, mine=mine, tz=zone, index=index)
            groups = defaultdict(list)
            for turn, cost in zip(world.turns, costs, strict=True):
                groups[turn[at]].append(cost)
            assert {row[by]: row["cost"] for row in answer.rows} == {
                key: text_of(values) for key, values in groups.items()
            }
            assert answer.total["cost"] == text_of(costs)
        days = defaultdict(list)
        for turn, cost in zip(world.turns, costs, strict=True):
            local = (EPOCH + timedelta(microseconds=turn[0])).astimezone(ZoneInfo(zone))
            days[f"{local:%Y-%m-%d}"].append(cost)
        answer = ask(world, found, "day", mine=mine, tz=zone, index=index)
        assert {row["day"]: row["cost"] for row in answer.rows} == {
            day: text_of(values) for day, values in days.items()
        }


@pytest.mark.parametrize("seed", range(4))
def test_a_filter_a_span_or_one_ledger_does_not_change_what_a_turn_costs(tmp_path, seed):
    world = World(tmp_path, seed)
    world.fill(60)
    found = plan("9", day=10)
    costs = world.expected(found, "ann")
    rows = list(zip(world.turns, costs, strict=True))
    answer = ask(world, found, where={"model": ["opus"]})
    assert answer.total["cost"] == text_of([cost for turn, cost in rows if turn[5] == "opus"])
    answer = ask(world, found, only=world.paths[1])
    assert answer.total["cost"] == text_of([cost for turn, cost in rows if turn[6] == 1])
    since, until = START + 10 * DAY, START + 33 * DAY + 5
    answer = ask(world, found, since=timestamps.format_us(since), until=timestamps.format_us(until))
    assert answer.total["cost"] == text_of([c for turn, c in rows if since <= turn[0] < until])


@pytest.mark.parametrize("seed", range(3))
def test_odd_ledgers_cost_what_the_oracle_says(tmp_path, seed):
    # Duplicates, copies, superseded and rounded credits; one user, so that ties do not matter.
    # Requests cost nothing.
    world = ChangingWorld(tmp_path, seed)
    for _ in range(60):
        world.step()
    turns = oracle.executions(oracle_files.read([ledger.path for ledger in world.ledgers])).turns
    found = plan("500", day=7)
    costs = costs_of(
        [(turn.at, str(n), turn.credits, turn.values["user"]) for n, turn in enumerate(turns)],
        found, "ann",
    )  # fmt: skip
    answer = query(("month",), ledgers=world.paths, metrics=("cost",), tz="UTC",
                   rates=Rates(found, user="ann"), prices=FREE)  # fmt: skip
    assert answer.total["cost"] == text_of(costs)


def test_the_turn_that_crosses_is_split(tmp_path):
    world = World(tmp_path, 1)
    world.add(START, "9", workspace="web")
    world.add(START + 1, "3", workspace="api")
    world.add(START + 2, "1", workspace="docs")
    answer = ask(world, plan("10", "20", "4"), "workspace")
    # 9 and 1 at 2 dollars; 2 and 1 at 4.
    assert {row["workspace"]: row["cost"] for row in answer.rows} == {
        "web": "18", "api": "10", "docs": "4",
    }  # fmt: skip
    assert answer.total["cost"] == "32"
    assert ask(world, plan("13", "13", "4")).total["cost"] == "13"
    # The control: used up by one turn alone, the next one is beyond.
    assert ask(world, plan("9", "9", "4")).total["cost"] == "25"


def test_the_list_rate_is_one_for_all(tmp_path):
    world = World(tmp_path, 1)
    world.fill(30)
    amount = sum(Fraction(turn[2]) for turn in world.turns if turn[2] is not None)
    answer = ask(world, plan("1"), is_list=True)
    assert answer.total["cost"] == money_text(amount * Fraction(4, 100))


def test_unknown_credits_cost_nothing_known(tmp_path):
    world = World(tmp_path, 1)
    world.add(START, "")
    assert ask(world, plan()).total["cost"] is None
    assert ask(world, plan(), since="today").total["cost"] == "0"


def test_cost_can_be_sorted_by_and_needs_a_plan(tmp_path):
    world = World(tmp_path, 1)
    world.add(START, "8", workspace="web")
    world.add(START + 1, "9", workspace="api")
    rows = ask(world, plan("8", "1", "4"), "workspace", sort="cost").rows
    assert [row["workspace"] for row in rows] == ["api", "web"]
    with pytest.raises(ValidationError, match="tokentrack plan set"):
        query((), ledgers=world.paths, metrics=("cost",))


@pytest.mark.parametrize(
    ("day", "billing_day", "expected"),
    [("2026-03-01", 31, "2026-02-28"), ("2026-02-27", 31, "2026-01-31"),
     ("2026-02-28", 29, "2026-02-28"), ("2024-02-29", 30, "2024-02-29"),
     ("2026-01-01", 2, "2025-12-02"), ("2026-01-02", 2, "2026-01-02")],
)  # fmt: skip
def test_a_billing_month_begins_on_its_day_or_the_last_one(day, billing_day, expected):
    first, end = plan(day=billing_day).month_of(date.fromisoformat(day).toordinal())
    assert date.fromordinal(first).isoformat() == expected
    assert first <= date.fromisoformat(day).toordinal() < end
    assert plan(day=billing_day).month_of(end)[0] == end


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [(Fraction(1, 50), None, "0.02"), (Fraction(1, 3), None, "0." + "3" * 18),
     (Fraction(7), None, "7"), (Fraction(1, 3), 4, "0.3333"), (Fraction(5, 1000), 2, "0"),
     (Fraction(-3, 2), None, "-1.5"),
     (Fraction(1, EXACT), None, "0." + "0" * 29 + "1")],
)  # fmt: skip
def test_money_is_exact(amount, places, text):
    assert money_text(amount, places) == text


@pytest.mark.parametrize(
    ("change", "named"),
    [({"price": "x"}, "price"), ({"credits": "0"}, "credits"), ({"overage": "-1"}, "overage"),
     ({"price": "NaN"}, "price"), ({"price": "1e-13"}, "price"), ({"name": ""}, "name"),
     ({"billing_day": 32}, "billing_day"), ({"billing_day": True}, "billing_day"),
     ({"credits": None}, "credits")],
)  # fmt: skip
def test_a_wrong_plan_is_named(change, named):
    assert plan_of(plan().to_dict()) == plan()
    with pytest.raises(ValidationError, match=named):
        plan_of({**plan().to_dict(), **change})
