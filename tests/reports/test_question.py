"""Questions and answers, beyond what the random steps ask."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.report_world import LEDGER, START, USAGE, ReportWorld
from tokentrack.common import timestamps
from tokentrack.errors import MissingExtraError, ValidationError
from tokentrack.reports import query
from tokentrack.reports.question import query as defined

NOON = timestamps.parse("2026-03-29T12:00:00Z")
HOUR = 3_600_000_000


@pytest.fixture
def space(tmp_path):
    world = ReportWorld(tmp_path, 3)

    def add(identity, at=NOON, *, ledger=0, usage=None, **fields):
        blank = {
            "tokens_used": "10", "elapsed_time": "1.5", "session_id": "s",
            "workspace_folder": "web", "file_patterns": "", "hook_name": "stop",
            "error_occurred": "false", "error_message": "", "hook_trigger_type": "done",
        }  # fmt: skip
        row = world.row(identity, at, **blank | fields)
        unknown = dict.fromkeys(
            ("input_tokens", "output_tokens", "cached_tokens", "credits", "tags", "source_id"), ""
        )
        known = {"model": "auto", "token_basis": "estimated", "user": "ann", "source": ""}
        cells = unknown | known | (usage or {})
        world.write(world.ledgers[ledger], USAGE, world.usage(identity, at, **cells))
        world.write(world.ledgers[ledger], LEDGER, row)

    world.add = add
    return world


def ask(space, *by, **more):
    return query(by, ledgers=space.paths, **{"tz": "UTC"} | more)


def test_the_rate_is_of_turns_whose_tokens_and_time_are_known(space):
    space.add("e-1", tokens_used="100", elapsed_time="4")
    space.add("e-2", tokens_used="900", elapsed_time="")
    space.add("e-3", tokens_used="0", elapsed_time="50", usage={"token_basis": "unknown"})
    space.add("e-4", tokens_used="700", elapsed_time="0")
    space.add("e-5", tokens_used="1", elapsed_time="2", workspace_folder="api")
    space.add("e-6", tokens_used="1", elapsed_time="", workspace_folder="cli")
    answer = ask(space, "workspace", metrics=("tokens_per_second",), sort="tokens_per_second")
    rates = {row["workspace"]: row["tokens_per_second"] for row in answer.rows}
    assert list(rates.items()) == [("web", 25.0), ("api", 0.5), ("cli", None)]
    assert answer.total == {"tokens_per_second": 16.833}


def test_a_row_has_the_documented_keys(space):
    space.add("e-1", usage={"credits": "1.25"})
    space.add("e-2", error_occurred="true", usage={"credits": "0.05"})
    space.add("e-3", elapsed_time="", tokens_used="0", usage={"token_basis": "unknown"})
    answer = ask(space, "model")
    assert answer.rows == [
        {
            "model": "auto", "turns": 3, "credits": "1.3", "credits_unknown": 1, "tokens": 20,
            "seconds": 3.0, "failed": 1, "credits_failed": "0.05",
        }
    ]  # fmt: skip
    assert answer.total == {name: answer.rows[0][name] for name in answer.total}
    assert answer.provenance == {
        "credits": {"reported": 2, "unknown": 1}, "requests": 0,
        "tokens": {"reported": 0, "estimated": 2, "unknown": 1},
        "unpriced_turns": None, "duplicates": 0, "superseded": 0, "before_reset": 0,
        "usage_without_turn": 0, "skipped": [], "source": "scan",
    }  # fmt: skip


def test_without_turns_nothing_is_unknown(space):
    answer = ask(space, "day")
    assert answer.rows == []
    assert answer.total["credits"] == "0"
    assert answer.total["tokens"] == 0
    assert answer.total["seconds"] == 0.0


def test_unknown_is_never_zero(space):
    space.add("e-1", elapsed_time="", tokens_used="0", usage={"token_basis": "unknown"})
    total = ask(space).total
    assert (total["credits"], total["tokens"], total["seconds"]) == (None, None, None)
    assert total["credits_unknown"] == 1
    assert total["credits_failed"] == "0"


def test_turns_with_several_tags_count_in_each_row_and_once_in_the_total(space):
    space.add("e-1", usage={"credits": "1", "tags": "team=red;customer=acme"})
    space.add("e-2", usage={"credits": "2", "tags": "team=red"})
    space.add("e-3", usage={"credits": "4"})
    answer = ask(space, "tag")
    assert [(row["tag"], row["credits"]) for row in answer.rows] == [
        (None, "4"), ("team=red", "3"), ("customer=acme", "1"),
    ]  # fmt: skip
    assert answer.total["credits"] == "7"
    rows = ask(space, "tag:customer").rows
    assert [(row["tag:customer"], row["credits"]) for row in rows] == [(None, "6"), ("acme", "1")]


def test_times_are_named(space):
    space.add("e-1", timestamps.parse("2024-12-30T23:30:00Z"))
    names = {
        name: ask(space, name, tz=tz).rows[0][name]
        for tz, name in (
            ("UTC", "day"), ("UTC", "week"), ("UTC", "month"), ("UTC", "weekday"), ("UTC", "hour"),
        )
    }  # fmt: skip
    assert names == {
        "day": "2024-12-30", "week": "2025-W01", "month": "2024-12", "weekday": 1, "hour": 23,
    }  # fmt: skip
    assert ask(space, "day", tz="Asia/Kolkata").rows[0]["day"] == "2024-12-31"
    assert ask(space, "hour", tz="Asia/Kolkata").rows[0]["hour"] == 5


def test_a_day_of_a_change_of_the_clocks_is_whole(space):
    # Berlin, 29 March 2026: from 23:00 UTC the day before to 22:00 UTC.
    for number, hours in enumerate((-13.01, -13, 9.99, 10)):
        space.add(f"e-{number}", NOON + int(hours * HOUR))
    rows = ask(space, "day", tz="Europe/Berlin").rows
    assert [(row["day"], row["turns"]) for row in rows] == [
        ("2026-03-28", 1), ("2026-03-29", 2), ("2026-03-30", 1),
    ]  # fmt: skip
    only = ask(space, "day", tz="Europe/Berlin", since="2026-03-29", until="2026-03-29")
    assert [row["turns"] for row in only.rows] == [2]
    assert (only.until - only.since) / HOUR == 23


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("today", None, 1),
        ("yesterday", "yesterday", 1),
        ("2d", None, 2),
        ("48h", None, 2),
        ("this-month", None, 3),
        ("last-month", "last-month", 1),
        ("last-month", None, 4),
        ("2026-03-28T13:00:00", None, 1),
        ("2026-03-28T11:00:00Z", "2026-03-28T13:00:00+00:00", 1),
        ("all", None, 5),
        (None, "2026-02-10", 2),
        ("this-year", None, 4),
        ("this-week", None, 2),
        ("last-week", "last-week", 0),
    ],
)
def test_spans_are_named_as_people_name_them(space, since, until, expected):
    for number, day in enumerate(
        ("2026-03-29", "2026-03-28", "2026-03-02", "2026-02-10", "2025-03-29")
    ):
        space.add(f"e-{number}", timestamps.parse(f"{day}T12:00:00Z"))
    assert ask(space, since=since, until=until, now=NOON).total["turns"] == expected


def test_rows_are_sorted_and_limited(space):
    for number, amount in enumerate(("3", "", "10", "1", "3")):
        space.add(f"e-{number}", session_id=f"s{number}", usage={"credits": amount})

    def sessions(**more):
        return [row["session"] for row in ask(space, "session", **more).rows]

    assert sessions() == ["s2", "s0", "s4", "s3", "s1"]
    assert sessions(sort="-credits") == ["s3", "s0", "s4", "s2", "s1"]
    assert sessions(sort="session") == ["s0", "s1", "s2", "s3", "s4"]
    assert sessions(sort="-session") == ["s4", "s3", "s2", "s1", "s0"]
    assert sessions(limit=2) == ["s2", "s0"]
    assert ask(space, "session", limit=2).more_rows == 3
    assert ask(space, "session").more_rows == 0
    assert ask(space, "session", limit=2).total["turns"] == 5


def test_a_request_that_a_program_tracked_is_a_turn_without_credits(space):
    space.write(space.ledgers[0], USAGE, space.usage(
        "r-1", NOON, source="tracked-request", model="claude", input_tokens="100",
        output_tokens="20", cached_tokens="5", credits="9", surface="", token_basis="reported",
        session_id="mine",
    ))  # fmt: skip
    answer = ask(
        space, "surface", "session", "trigger", metrics=("turns", "credits", "credits_unknown",
        "tokens", "seconds", "input_tokens", "output_tokens", "cached_tokens"),
    )  # fmt: skip
    assert answer.rows == [
        {
            "surface": "api", "session": "mine", "trigger": None, "turns": 1, "credits": None,
            "credits_unknown": 0, "tokens": 120, "seconds": None, "input_tokens": 100,
            "output_tokens": 20, "cached_tokens": 5,
        }
    ]  # fmt: skip
    assert answer.provenance["credits"] == {"reported": 0, "unknown": 0}


def test_one_ledger_alone_can_be_asked_about(space):
    space.add("both", usage={"credits": "1"})
    space.add("both", NOON + HOUR, ledger=1, workspace_folder="copy", usage={"credits": "2"})
    space.add("mine", ledger=1)
    first, second, third = space.paths
    assert ask(space).total["turns"] == 2
    assert ask(space, only=first).total["credits"] == "1"
    own = ask(space, "workspace", only=second)
    assert {row["workspace"]: row["turns"] for row in own.rows} == {"copy": 1, "web": 1}
    assert ask(space, only=third).total["turns"] == 0


def test_a_missing_ledger_is_named(space):
    space.add("e-1")
    for ledger in space.ledgers:
        ledger.folder.parent.rename(ledger.hidden)
    answer = ask(space)
    assert sorted(answer.unreadable) == sorted(paths.path for paths in space.paths)
    assert answer.total["turns"] == 0


@pytest.mark.parametrize(
    ("by", "more", "words"),
    [
        (("modle",), {}, "did you mean 'model'"),
        (("day", "model", "user", "hook"), {}, "one to 3"),
        (("day", "day"), {}, "different"),
        (("tag:",), {}, "unknown dimension"),
        ((), {"where": {"worksapce": ["x"]}}, "did you mean 'workspace'"),
        ((), {"where": {"day": ["2026-01-01"]}}, "unknown filter"),
        ((), {"where": {"failed": ["maybe"]}}, "true or false"),
        ((), {"metrics": ["price"]}, "unknown metric"),
        (("day",), {"sort": "model"}, "can't sort by"),
        ((), {"tz": "Europe/Berlni"}, "unknown time zone"),
        ((), {"tz": "../../etc/passwd"}, "unknown time zone"),
        ((), {"since": "2026-13-01"}, "since must be"),
        ((), {"until": "soon"}, "until must be"),
    ],
)
def test_what_is_unknown_is_refused(space, by, more, words):
    with pytest.raises(ValidationError, match=words):
        ask(space, *by, **more)


def test_credits_a_turn_are_of_the_turns_whose_credits_are_known(space):
    space.add("e-1", elapsed_time="4", tokens_used="10", usage={"credits": "1"})
    space.add("e-2", elapsed_time="", tokens_used="10", usage={"credits": "0.5"})
    space.add("e-3", elapsed_time="1", tokens_used="10")
    row = ask(space, "model", metrics=("turns", "credits_per_turn")).rows[0]
    assert row == {"model": "auto", "turns": 3, "credits_per_turn": "0.75"}


def test_rows_become_a_table_of_pandas(space):
    pytest.importorskip("pandas")
    space.add("e-1", START)
    table = ask(space, "day").to_pandas()
    assert list(table.columns)[:2] == ["day", "turns"]
    assert list(table["turns"]) == [1]


def test_without_pandas_the_error_names_the_extra(space, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="extra 'pandas'"):
        ask(space, "day").to_pandas()


def test_the_package_loads_nothing_before_it_is_asked():
    code = "import tokentrack.reports, sys; print('tokentrack.reports.question' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"
    assert query is defined
