"""Tracked requests keep the token prices of their time, beside credits at the plan's prices."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from support.commands import tokentrack
from support.priced_turns import add_turn
from tokentrack.common.timestamps import format_us, parse
from tokentrack.errors import ValidationError
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports import query
from tokentrack.reports.pricing import PriceTable
from tokentrack.reports.pricing.currency import Currency
from tokentrack.reports.pricing.money import money_text
from tokentrack.reports.pricing.plan import Plan, Rates
from tokentrack.reports.turns.one_turn import show_turn
from tokentrack.store import codec
from tokentrack.store.paths import LedgerPaths

DAY = 86_400_000_000
START = parse("2026-05-20T00:00:00Z")
CHANGE = "2026-06-10"
# USD per million tokens: plain input, output, cached input.
SONNET, BEFORE, AFTER = (3, 15, "0.3"), (1, 4, "0.1"), (2, 5, "0.25")
MODELS = ("claude-sonnet-4.5", "ours", "mystery", "auto")
PLAN = Plan("Test", Decimal(5), Decimal(10), Decimal("0.04"))


def price_file(path):
    ours = [dict(zip(("input", "output", "cached"), map(float, p), strict=True))
            for p in (BEFORE, AFTER)]  # fmt: skip
    ours[1]["from"] = CHANGE
    path.write_text(json.dumps({"per_tokens": 1_000_000, "models": {"ours": ours}}))
    return PriceTable.load(path, extra=False)


def price_of(model, at):
    """Return the price of a model at a time, None for an unknown one."""
    changed = parse(f"{CHANGE}T00:00:00Z")
    return {"claude-sonnet-4.5": SONNET, "ours": AFTER if at >= changed else BEFORE}.get(model)


def cost_of(turn, at):
    """Return what a turn costs at the prices of a time."""
    if turn["credits"] is not None:
        return Fraction(turn["credits"]) * Fraction("0.04")
    price = None if turn["tokens"] is None else price_of(turn["model"], at)
    if price is None:
        return None
    given, produced, cached = turn["tokens"]
    plain, output, read = map(Fraction, price)
    return ((given - cached) * plain + produced * output + cached * read) / 10**6


class World:
    def __init__(self, folder, seed):
        self.random = random.Random(seed)
        self.folder = folder / "one" / ".kiro"
        self.folder.mkdir(parents=True)
        self.turns = []

    @property
    def paths(self):
        return [LedgerPaths(str(self.folder.parent), (".kiro",), "token_transactions.csv")]

    def request(self, at, model, tokens, session="s", user="ann"):
        path = self.folder / "token_usage.csv"
        cells = {
            "agent_execution_id": f"r-{len(self.turns)}", "recorded_at": format_us(at),
            "session_id": session, "surface": "api", "model": model, "token_basis": "reported",
            "source": "tracked-request", "user": user,
            **dict(zip(("input_tokens", "output_tokens", "cached_tokens"), map(str, tokens),
                       strict=True)),
        }  # fmt: skip
        with path.open("ab") as file:
            if not file.tell():
                file.write(codec.encode_line(list(USAGE_COLUMNS)))
            file.write(codec.encode_line([cells.get(name, "") for name in USAGE_COLUMNS]))
        self.turns.append({"at": at, "model": model, "tokens": tokens, "credits": None,
                           "session": session, "user": user})  # fmt: skip

    def turn(self, at, amount):
        add_turn(self.folder, f"e-{len(self.turns)}", at, amount, user="ann", model="auto",
                 input_tokens="500", output_tokens="70", cached_tokens="3")  # fmt: skip
        self.turns.append({"at": at, "model": "auto", "tokens": None, "session": "s-1",
                           "credits": amount or None, "user": "ann"})  # fmt: skip

    def fill(self, count):
        for _ in range(count):
            at = START + self.random.randrange(40 * DAY)
            if self.random.random() < 0.3:
                self.turn(at, self.random.choice(["", "1.5", "0.015805053067993367", "0"]))
                continue
            given = self.random.randrange(20_000)
            tokens = (given, self.random.randrange(3000), self.random.randrange(given + 1))
            self.request(at, self.random.choice(MODELS), tokens,
                         self.random.choice("ab"), self.random.choice(["ann", "bob"]))  # fmt: skip


def label(turn, name):
    if name in {"day", "month"}:
        text = datetime.fromtimestamp(turn["at"] / 10**6, UTC).strftime("%Y-%m-%d")
        return text if name == "day" else text[:7]
    return {**turn, "surface": "api" if turn["tokens"] else "v1"}[name]


def sums(turns, as_of):
    """Return cost, repriced cost, difference and how many turns have no price."""
    cost, difference, unpriced = None, Fraction(0), 0
    for turn in turns:
        own, other = cost_of(turn, turn["at"]), cost_of(turn, as_of)
        if own is None:
            unpriced += 1
            continue
        cost = (cost or 0) + own
        difference += 0 if other is None else other - own
    if cost is None:
        return (None, None, None), unpriced
    return tuple(money_text(Fraction(x)) for x in (cost, cost + difference, difference)), unpriced


METRICS = ("turns", "cost", "repriced", "difference")


@pytest.mark.parametrize("seed", range(3))
def test_costs_equal_the_oracle(tmp_path, seed):
    world = World(tmp_path, seed)
    world.fill(80)
    prices = price_file(tmp_path / "prices.json")
    index = str(tmp_path / "state" / "index.db")
    for date in ("2026-06-01", "2026-07-01"):
        as_of = parse(f"{date}T00:00:00Z")
        for by in (["day"], ["model"], ["session", "month"], ["user"], ["surface", "model"], []):
            for more in ({"index": index}, {}, {"only": world.paths[0]}, {"tz": "Asia/Kolkata"}):
                if "tz" in more and "day" in by:
                    continue
                answer = query(
                    by, ledgers=world.paths, metrics=METRICS, rates=Rates(PLAN, is_list=True),
                    prices=prices, prices_as_of=date, **more,
                )  # fmt: skip
                groups = defaultdict(list)
                for turn in world.turns:
                    groups[tuple(label(turn, name) for name in by)].append(turn)
                found = {tuple(row[n] for n in by): tuple(row[n] for n in METRICS[1:])
                         for row in answer.rows}  # fmt: skip
                want = {key: sums(turns, as_of)[0] for key, turns in groups.items()}
                assert found == (want if by else {})
                total, unpriced = sums(world.turns, as_of)
                assert tuple(answer.total[name] for name in METRICS[1:]) == total
                assert answer.provenance["unpriced_turns"] == unpriced > 0


def test_at_one_price_for_all_times_the_dated_requests_would_cost_something_else(tmp_path):
    world = World(tmp_path, 0)
    world.fill(80)
    # A control of the test above: its prices and its dates matter.
    dated, plain = price_file(tmp_path / "prices.json"), PriceTable(extra=False)
    costs = [
        query([], ledgers=world.paths, metrics=["cost"], rates=Rates(PLAN, is_list=True),
              prices=prices).total["cost"]
        for prices in (dated, plain)
    ]  # fmt: skip
    assert costs[0] != costs[1]
    assert sums(world.turns, START)[0] != sums(world.turns, START + 40 * DAY)[0]


def test_requests_cost_the_same_by_plan_and_do_not_use_it_up(tmp_path):
    world = World(tmp_path, 0)
    world.turn(START + DAY, "9")
    world.request(START + 2 * DAY, "claude-sonnet-4.5", (10**9, 0, 0), user="bob")
    world.turn(START + 3 * DAY, "1")
    # Credits: 10 x 0.5 within the plan. The request: 1,000 x 3 USD, whoever's it is.
    answer = query([], ledgers=world.paths, metrics=["cost"], rates=Rates(PLAN, user="ann"))
    assert answer.total["cost"] == "3005"


def test_another_currency(tmp_path):
    world = World(tmp_path, 0)
    world.turn(START, "2")
    world.request(START, "claude-sonnet-4.5", (1000, 0, 0))
    rates = Rates(PLAN._replace(currency=Currency("EUR", Decimal("0.92"))), user="ann")
    answer = query(["day"], ledgers=world.paths, metrics=["cost"], rates=rates)
    assert (answer.rows[0]["cost"], answer.currency) == ("0.92276", "EUR")
    assert answer.cost_basis == [
        "cost by plan Test: EUR 0.46 a credit", "EUR 0.0368 after 10", "1 USD = EUR 0.92",
        "tracked requests at their token prices",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ["repriced"]}, "prices_as_of"),
        ({"metrics": ["cost"], "prices_as_of": "soon"}, "must be a date"),
    ],
)
def test_what_can_not_be_priced_is_refused(tmp_path, options, words):
    world = World(tmp_path, 0)
    with pytest.raises(ValidationError, match=words):
        query([], ledgers=world.paths, rates=Rates(PLAN), **options)


def test_one_turn_costs_what_its_group_would(tmp_path):
    world = World(tmp_path, 0)
    for amount in ("9", "3", ""):  # the second one crosses the plan's credits
        world.turn(START + len(world.turns) * DAY, amount)
    for index in (None, str(tmp_path / "state" / "index.db")):
        found = [
            show_turn(f"e-{n}", ledgers=world.paths, index=index, rates=Rates(PLAN, user="ann"))
            for n in range(3)
        ]
        costs = [turn.fields["cost"]["value"] for turn in found]
        assert costs == ["4.5", "0.58", None]
        assert found[0].fields["cost"]["basis"] == "plan"
    assert "cost" not in show_turn("e-0", ledgers=world.paths).fields


_TRACK = """
from tokentrack.usage import UsageTracker
tracker = UsageTracker()
tracker.track_request("s", "claude-sonnet-4.5", 1_000_000, 0)
tracker.track_request("s", "mystery", 7, 7)
"""


def test_the_command_shows_them_with_the_basis(machine):

    env = {"HOME": str(machine.home), "PATH": "/bin:/usr/bin", "USER": "ada"}
    subprocess.run([sys.executable, "-c", _TRACK], env=env, check=True, cwd=machine.root)
    tokentrack(machine, "plan", "set", "pro", "--currency", "EUR", "--exchange-rate", "0.9")
    words = ("report", "model", "--prices-as-of", "2026-01-01")
    shown = tokentrack(machine, *words, env={"COLUMNS": "200"})
    for part in ("EUR 2.70", "EUR 0.00", "repriced", "tracked requests at their token prices",
                 "1 USD = EUR 0.9", "1 turn without a price"):  # fmt: skip
        assert part in shown
    document = json.loads(tokentrack(machine, *words, "--json"))
    cost = {"amount": "2.7", "currency": "EUR", "basis": "token-prices"}
    assert document["total"]["cost"] == cost
    assert document["total"]["difference"]["amount"] == "0"
    assert document["query"]["prices_as_of"] == "2026-01-01"
    assert document["provenance"]["unpriced_turns"] == 1
    assert json.loads(tokentrack(machine, "plan", "show", "--json"))["plan"]["currency"] == "EUR"
    ids = [row["id"] for row in json.loads(tokentrack(machine, "turns", "--json"))["rows"]]
    unpriced, priced = (
        json.loads(tokentrack(machine, "show", i, "--json"))["fields"]["cost"] for i in ids
    )
    assert (priced["value"], priced["currency"], priced["basis"]) == ("2.7", "EUR", "token-prices")
    assert priced["source"] == "claude-sonnet-4.5: Anthropic's list price, 2026-11-21"
    assert (unpriced["value"], "has no price" in unpriced["source"]) == (None, True)
    assert "EUR 2.7 · token-prices · claude-sonnet" in tokentrack(machine, "show", ids[1])
    assert "EUR 2.70" in tokentrack(machine, "overview", env={"COLUMNS": "120"})
