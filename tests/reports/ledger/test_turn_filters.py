"""Filters of exports and of the history: the records of those turns that `turns` lists."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from random import Random

import pytest

from support import oracle
from support.ledgers import Workspace
from support.priced_turns import DAY, add_turn
from support.report_changes import ChangingWorld
from support.report_check import FILTERS, Reference
from tokentrack.common.timestamps import from_datetime, to_datetime
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.reports.ledger.ledger_rows import ledger_rows
from tokentrack.reports.ledger.turn_filters import choose_records
from tokentrack.reports.scope import own_scope
from tokentrack.reports.turns.turn_list import list_turns
from tokentrack.store.registry import register

NOON = from_datetime(datetime(2026, 3, 29, 12, tzinfo=UTC))
TURNS = {
    "a": {"workspace_folder": "web", "model": "auto", "user": "ann", "tags": "customer=acme"},
    "b": {"workspace_folder": "api", "model": "opus", "user": "bob", "surface": "ide"},
    "c": {"workspace_folder": "api", "model": "auto", "user": "", "error_occurred": "true",
          "tags": "customer=zeta;draft"},
    "d": {"workspace_folder": "docs", "hook_trigger_type": "manual", "hook_name": "mine",
          "session_id": "s-2", "file_patterns": "*.py"},
}  # fmt: skip


@pytest.fixture
def space(tmp_path):
    space = Workspace(tmp_path)
    for number, (identity, cells) in enumerate(TURNS.items()):
        add_turn(space.kiro, identity, NOON + number * DAY, "1.5", **cells)
    # Another row of a turn, as a second hook writes it.
    add_turn(space.kiro, "c", NOON + 2 * DAY + 5, "1.5", **TURNS["c"])
    return space


def exported(space, tmp_path, filters):
    path = tmp_path / "out.jsonl"
    assert space.tracker.export_data(path, "jsonl", filters)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["agent_execution_id"] for line in lines]


def listed(space, filters):
    """Return the ids of the turns that `tokentrack turns` lists."""
    where = {n: value for n, value in filters.items() if n not in {"since", "until", "tz"}}
    question = {n: value for n, value in filters.items() if n not in where}
    if "failed" in where:
        where["failed"] = [str(where["failed"]).lower()]
    scope = own_scope(space.paths, space.environ)
    return {row["id"] for row in list_turns(where=where, **question, **scope.arguments).rows}


@pytest.mark.parametrize("is_registered", [False, True])
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"since": "2026-03-30", "tz": "UTC"}, "bcdc"),
        ({"until": date(2026, 3, 30), "tz": "UTC"}, "ab"),
        ({"since": "2026-03-29T13:00:00Z", "until": "2026-03-31T12:00:00Z"}, "b"),
        ({"since": "2026-03-30", "until": "2026-03-30", "tz": "Pacific/Kiritimati"}, "a"),
        ({"since": "7d"}, ""),
        ({"tz": "UTC"}, "abcdc"),
        ({"workspace": "api"}, "bcc"),
        ({"workspace": ["web", "docs"]}, "ad"),
        ({"workspace": "!api"}, "ad"),
        ({"workspace": "api", "model": "!opus"}, "cc"),
        ({"model": "opus"}, "b"),
        ({"trigger": "manual"}, "d"),
        ({"hook": "!mine"}, "abcc"),
        ({"session": ("s-2", "s-3")}, "d"),
        ({"tag": "customer=acme"}, "a"),
        ({"tag": "!customer"}, "bd"),
        ({"tag:customer": "zeta"}, "cc"),
        ({"user": ["ann", "bob"]}, "ab"),
        ({"user": ""}, "cdc"),
        ({"surface": "ide"}, "b"),
        ({"pattern": "*.py"}, "d"),
        ({"failed": True}, "cc"),
        ({"failed": False}, "abd"),
        ({"model": "nothing"}, ""),
    ],
)
def test_the_records_are_those_of_the_turns(space, tmp_path, filters, found, is_registered):
    if is_registered:
        register(space.paths, space.environ)
    assert exported(space, tmp_path, filters) == list(found)
    assert listed(space, filters) == set(found)
    history = space.tracker.get_transaction_history(filters)
    assert [record.agent_execution_id for record in history] == list(found)
    last = space.tracker.get_transaction_history(filters, limit=1)
    assert [record.agent_execution_id for record in last] == list(found)[-1:]


def test_both_kinds_of_filters_must_be_passed(space, tmp_path):
    filters = {"failed": True, "end_date": to_datetime(NOON + 2 * DAY)}
    assert exported(space, tmp_path, filters) == ["c"]
    assert exported(space, tmp_path, {"model": "opus", "hook_name": "mine"}) == []
    assert exported(space, tmp_path, {"model": None, "hook_name": "mine"}) == ["d"]


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_after_any_change_the_records_are_those_of_the_oracles_turns(tmp_path, seed):
    # Of ledgers that share executions, and of executions with several ids.
    world, random = ChangingWorld(tmp_path, seed, ledgers=2), Random(seed)
    environ = {"HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    chosen = joined = 0
    for _ in range(25):
        world.step()
        if all(ledger.folder.is_dir() for ledger in world.ledgers):
            world.link()
        paths = random.choice(world.paths)
        if random.random() < 0.5:
            register(paths, environ)
        by_id = Reference([paths]).found.by_id
        records = [row.transaction for row in ledger_rows(paths) if row.transaction]
        for name in random.sample([*FILTERS], 2):
            values = random.sample(FILTERS[name], 1)
            given = values if name != "failed" else values == ["true"]
            where = {name: values if name != "failed" else [str(given).lower()]}
            test = choose_records({name: given}, paths, environ)
            expected = [
                record
                for record in records
                if oracle.passes(by_id[record.agent_execution_id], where, "UTC")
            ]
            assert [record for record in records if test(record)] == expected, world.steps
            chosen += 0 < len(expected) < len(records)
        joined += len(by_id) > len({id(turn) for turn in by_id.values()})
    assert chosen > 5, "the filters choose some records and leave out others"
    assert joined, "some executions have several ids"


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"modle": "auto"}, "unknown filter 'modle': did you mean 'model'"),
        ({"sinse": "7d"}, "unknown filter 'sinse': did you mean 'since'"),
        ({"day": "2026-03-29"}, "unknown filter 'day'"),
        ({5: "x"}, "unknown filter '5'"),
        ({"since": "yesterdy"}, "did you mean 'yesterday'"),
        ({"since": 5}, "since must be a date, a time or a word such as 7d, not 5"),
        ({"since": "2026-03-30", "until": "2026-03-29"}, "until 2026-03-29 is before since"),
        ({"tz": "Europe/Berln"}, "Europe/Berln"),
        ({"failed": "true"}, "failed must be True or False, not 'true'"),
        ({"model": []}, r"model must be a text or a list of texts, not \[\]"),
        ({"workspace": ["web", 5]}, "workspace must be a text or a list of texts"),
        ({"colour": 1, "failed": 1}, "(?s)colour.*failed must be"),
    ],
)
def test_what_is_unknown_is_refused_and_nothing_is_written(space, tmp_path, filters, said):
    with pytest.raises(ValidationError, match=said):
        space.tracker.export_data(tmp_path / "out.csv", filters=filters)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(ValidationError, match=said):
        space.tracker.get_transaction_history(filters)


def test_without_filters_of_turns_no_index_is_asked(space):
    space.usage.unlink()
    space.usage.mkdir()
    tracker = space.tracker
    assert len(tracker.get_transaction_history({"workspace": "api"}, limit=5)) == 3
    with pytest.raises(FileSystemError, match="usage ledger"):
        tracker.get_transaction_history({"workspace": "api", "model": "auto"}, limit=5)
