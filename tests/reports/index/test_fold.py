"""A tracked request has no credits, whatever rows of other kinds say of its id."""

from __future__ import annotations

import pytest

from support.report_check import Reference, check
from support.report_world import LEDGER, START, USAGE, ReportWorld
from tokentrack.reports.index.database import open_index
from tokentrack.reports.question import query
from tokentrack.reports.zones import Zone

MODELS = {"by": ["model"], "where": {}, "tz": "UTC", "edges": {}, "whole_days": True}
OTHER = {"source_id": "", "credits": "5", "credits_basis": "reported"}


@pytest.fixture
def world(tmp_path):
    """Return files with a tracked request and a turn of 2 credits, which the index has."""
    world = ReportWorld(tmp_path, 3, ledgers=2)
    (one, _) = world.ledgers
    world.index = tmp_path / "index.db"
    world.write(one, USAGE, world.request("r-1", START))
    world.write(one, USAGE, world.usage("e-1", START, **{**OTHER, "credits": "2"}))
    world.write(one, LEDGER, world.row("e-1", START))
    assert totals(world) == (2, "2", 0)
    return world


def reason(world):
    with open_index(str(world.index), world.paths, Zone()) as opened:
        return opened.rebuilt_because


def totals(world):
    found = []
    for index in (str(world.index), None):
        total = query(ledgers=world.paths, index=index).total
        found.append((total["turns"], total["credits"], total["credits_unknown"]))
    assert found[0] == found[1]
    check(Reference(world.paths), world.paths, world.index, MODELS)
    for own in world.ledgers:
        check(Reference([own.paths]), world.paths, world.index, MODELS, own.paths)
    return found[0]


@pytest.mark.parametrize("place", [0, 1])
def test_credits_of_a_row_without_a_source_count_once_a_ledger_has_the_turn(world, place):
    ledger = world.ledgers[place]
    world.write(ledger, USAGE, world.usage("r-1", START + 1, source="", **OTHER))
    assert "tracked request" in reason(world)
    assert totals(world) == (2, "2", 0)
    world.write(ledger, LEDGER, world.row("r-1", START + 2))
    assert "tracked request" in reason(world)
    assert totals(world) == (2, "7", 0)


def test_with_another_source_it_is_no_request(world):
    (one, _) = world.ledgers
    world.write(one, USAGE, world.usage("r-1", START + 1, source="payload", **OTHER))
    assert totals(world) == (1, "2", 0)
    world.write(one, USAGE, world.request("r-1", START + 2))
    assert reason(world) == ""
    assert totals(world) == (2, "2", 0)


def test_more_rows_of_requests_are_followed(world):
    (one, _) = world.ledgers
    world.write(one, USAGE, world.request("r-1", START + 1), world.request("r-2", START + 1))
    assert reason(world) == ""
    assert totals(world) == (3, "2", 0)


def test_two_ledger_rows_without_a_usage_row_are_two_turns(world):
    (one, _) = world.ledgers
    for name in ("t-1", "kiro-cli-session:t-1"):
        world.write(one, LEDGER, world.row(name, START + 1))
    assert query(ledgers=world.paths).total["turns"] == 4
