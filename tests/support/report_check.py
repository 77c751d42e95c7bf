"""Compare the answers of an index with the oracle's."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from support import oracle, oracle_files
from support.plan_oracle import PRICES
from tokentrack.reports.answer import TOKEN_BASES
from tokentrack.reports.pricing import Price, PriceTable
from tokentrack.reports.pricing.plan import Plan, Rates
from tokentrack.reports.question import query

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from support.oracle import Executions
    from support.oracle_files import World
    from tokentrack.store.paths import LedgerPaths

DIMENSIONS = (
    "hour", "day", "week", "month", "weekday", "workspace", "session", "trigger", "hook", "pattern",
    "model", "surface", "tag", "tag:team", "user", "machine", "failed", "message",
)  # fmt: skip
ZONES = (
    "UTC", "Europe/Berlin", "Asia/Kolkata", "America/Havana", "Australia/Lord_Howe",
    "America/St_Johns", "Pacific/Apia", "Asia/Tehran",
)  # fmt: skip
FILTERS = {
    "workspace": ["web", "!web", "", "données;x", "C:\\new", "none"],
    "session": ["s-1", "!s-1", "", "s é"],
    "model": ["auto", "!auto", "", "!"],
    "failed": ["true", "false", "!true"],
    "tag": ["customer=acme", "team", "!customer=acme", "lone", "a;b"],
    "tag:team": ["red", "!red", ""],
    "pattern": ["*.py", "!*.py", "a;b"],
    "surface": ["api", "!api", "v1", ""],
    "hook": ["import", "!import"],
    "user": ["ann", ""],
    "message": ["aborted", "!aborted", ""],
}


# No prices; a plan that is used up now and then; another one; the list's.
PLAN = Plan("Some", Decimal(20), Decimal(160), Decimal("0.25"), 12)
OTHER_PLAN = Plan("Other", Decimal(10), Decimal("0.8"), Decimal("0.04"), 31)
TABLE = PriceTable({
    name: Price(*map(Decimal, amounts), "test", "2025-01-01") for name, amounts in PRICES.items()
})  # fmt: skip
RATES = (None, Rates(PLAN, user="ann"), Rates(OTHER_PLAN), Rates(PLAN, is_list=True, user="ann"))


class Reference:
    """The oracle's answers about some ledgers."""

    def __init__(self, ledgers: list[LedgerPaths]) -> None:
        self.world: World = oracle_files.read([paths.path for paths in ledgers])
        self.found: Executions = oracle.executions(self.world)

    def bounds(self) -> tuple[int, int]:
        times = [turn.at for turn in self.found.turns] or [0]
        return min(times), max(times)


def random_question(random: Random, reference: Reference) -> dict:
    """Return the arguments of a question."""
    by = random.sample(DIMENSIONS, random.choice([0, 1, 1, 1, 2, 3]))
    where = {}
    while random.random() < 0.35:
        name = random.choice(list(FILTERS))
        where[name] = random.sample(FILTERS[name], random.choice([1, 1, 2]))
    low, high = reference.bounds()
    edges = {}
    for name in ("since", "until"):
        if random.random() < 0.4:
            edges[name] = random.randint(low - 10**12, high + 10**12)
    if len(edges) == 2:
        # In this order; at the same time there is nothing between them.
        edges = dict(zip(edges, sorted(edges.values()), strict=True))
    rates = random.choices(RATES, (8, 8, 1, 2))[0]
    return {"by": by, "where": where, "tz": random.choice(ZONES), "edges": edges,
            "whole_days": random.random() < 0.6, "rates": rates}  # fmt: skip


def check(
    reference: Reference,
    ledgers: list[LedgerPaths],
    index: Path | None,
    asked: dict,
    only: LedgerPaths | None = None,
) -> None:
    """Ask one question and compare every number; `reference` is of `only`, if there is one."""
    zone, edges = asked["tz"], asked["edges"]
    # What one ledger's turns cost depends on those of all.
    rates = None if only else asked.get("rates")
    times: dict[str, object] = {}
    span = {}
    for name, at in edges.items():
        day = oracle.local(at, zone).date()
        if asked["whole_days"]:
            times[name] = day.isoformat()
            span[name] = ("day", day)
        else:
            times[name] = oracle.EPOCH + oracle.timedelta(microseconds=at)
            span[name] = ("at", at)
    answer = query(
        asked["by"], metrics=[*NUMBERS, *TOKEN_BASES, *(["cost"] if rates else [])], rates=rates,
        prices=TABLE, ledgers=ledgers, where=asked["where"], tz=zone, only=only,
        index=str(index) if index else None, **times,
    )  # fmt: skip
    expected = oracle.report(
        reference.found, asked["by"], asked["where"], span.get("since"), span.get("until"), zone,
        rates,
    )  # fmt: skip
    total = expected.pop(("total",))
    if not asked["by"]:
        expected = {}
    got = {}
    for row in answer.rows:
        key = tuple(row[name] for name in asked["by"])
        if "failed" in asked["by"]:
            row["failed"] *= row["turns"]  # whether all of them did, or none
        got[key] = all_numbers(row)
    assert len(got) == len(answer.rows), "a group is there twice"
    want = {key: all_numbers_of(row) for key, row in expected.items()}
    assert got == want, (
        asked,
        {k: (got.get(k), want.get(k)) for k in {*got, *want} if got.get(k) != want.get(k)},
    )
    assert all_numbers(answer.total) == all_numbers_of(total), (
        asked,
        all_numbers(answer.total),
        all_numbers_of(total),
    )
    _check_provenance(answer, reference, total)
    left_out = [turn.is_before_reset for turn in total["chosen"] if "session" in asked["by"]]
    assert answer.provenance["before_reset"] == sum(left_out)


NUMBERS = (
    "turns", "credits", "credits_unknown", "tokens", "seconds", "failed", "credits_failed",
    "tokens_per_second",
)  # fmt: skip


def numbers(row: dict) -> tuple:
    return (*[row[name] for name in NUMBERS], row.get("cost"))


def numbers_of(row: dict) -> tuple:
    amount, micros, tokens = row["credits"], row["micros"], row["tokens"]
    if not row["turns"]:
        amount, micros, tokens = 0, 0, 0
    failed = row["credits_failed"] if row["failed"] else 0
    seconds = None if micros is None else micros / 10**6
    return (
        row["turns"], plain(amount), row["credits_unknown"], tokens, seconds, row["failed"],
        plain(failed), row["rate"],
        plain(row["cost"]),
    )  # fmt: skip


def all_numbers(row: dict) -> tuple:
    """Return also the tokens by what they are, which no document has."""
    return (*numbers(row), *[row[name] for name in TOKEN_BASES])


def all_numbers_of(row: dict) -> tuple:
    bases = [row[name] if row["turns"] else 0 for name in TOKEN_BASES]
    return (*numbers_of(row), *bases)


def plain(number) -> str | None:
    if number is None:
        return None
    text = format(oracle.Decimal(number), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _check_provenance(answer, reference: Reference, total: dict) -> None:
    found, turns = answer.provenance, total["chosen"]
    known = sum(turn.credits is not None for turn in turns)
    requests = sum(turn.is_request for turn in turns)
    assert found["credits"] == {"reported": known, "unknown": len(turns) - known - requests}
    bases = [turn.basis for turn in turns]
    assert found["tokens"] == {
        name: bases.count(name) for name in ("reported", "estimated", "unknown")
    }
    assert found["duplicates"] == sum(turn.copies for turn in turns)
    assert found["superseded"] == sum(turn.superseded for turn in turns)
    assert found["usage_without_turn"] == reference.found.orphans
    skipped = sorted((row["file"], row["line"]) for row in found["skipped"])
    assert skipped == sorted(reference.world.skipped)
    assert all(row["reason"] for row in found["skipped"])
