"""Words that people type: commands of other programs, and words that are nearly right."""

import json

import pytest

from support.imported import tokentrack
from tokentrack.cli.report import SPELLINGS


@pytest.mark.parametrize(("word", "dimension"), [
    ("daily", "day"), ("weekly", "week"), ("monthly", "month"), ("session", "session"),
])  # fmt: skip
def test_commands_of_other_programs_are_reports(machine, word, dimension):
    machine.send("Stop")
    ours, theirs = (
        json.loads(tokentrack(machine, *words, "--json", "--since", "all", "-n", "5"))
        for words in ([word], ["report", dimension])
    )
    assert ours.pop("generated_at")
    assert theirs.pop("generated_at")
    assert ours == theirs
    assert ours["rows"]
    assert json.loads(tokentrack(machine, word, "model", "--json"))["query"]["by"] == [
        dimension, "model",
    ]  # fmt: skip
    assert f"  {word} " not in tokentrack(machine, "--help")
    assert "Usage: tokentrack report" in tokentrack(machine, word, "--help")


@pytest.mark.parametrize(("words", "meant"), [
    (["report", "errors"], "run `tokentrack report message --failed`"),
    (["report", "cost"], "run `tokentrack report day --show cost`"),
    (["report", "top"], "run `tokentrack turns --sort credits`"),
    (["report", "slow"], "run `tokentrack turns --sort time`"),
    (["report", "compare"], "run `tokentrack report workspace --vs last-month`"),
    (["report", "projects"], "run `tokentrack report workspace`"),
    (["report", "modle"], "did you mean 'model'?"),
    (["report", "Models"], "did you mean 'model'?"),
    (["report", "zzz"], "use one of hour, day, week"),
    (["report", "--show", "turns,credit"], "unknown column 'credit': did you mean 'credits'?"),
    (["report", "--show", ","], "unknown column ','"),
    (["report", "--sort", "tokns"], "did you mean 'tokens'?"),
    (["report", "--sort", "change"], "can't sort by 'change': use one of day, turns"),
    (["report", "--format", "jsn"], "did you mean 'json'?"),
    (["report", "--color", "allways"], "did you mean 'always'?"),
    (["report", "--since", "last-mont"], "did you mean 'last-month'?"),
    (["report", "--since", "2026-02-02", "--until", "2026-02-01"],
     "until 2026-02-01 is before since 2026-02-02"),
    (["--until", "2020-01-01"], "until 2020-01-01 is before since this-month: give an earlier"),
    (["turns", "--since", "today", "--until", "yesterday"], "yesterday is before since today"),
    (["report", "--since", "lately"], "since must be a date"),
    (["turns", "--sort", "-rates"], "can't sort by 'rates': did you mean 'rate'?"),
    (["turns", "--sort", "price"], "use one of when, credits"),
    (["history"], "'history' is not a command: run `tokentrack turns`."),
    (["top"], "run `tokentrack turns --sort credits`."),
    (["report", "--since", "0d"], "since must be a date"),
    (["report", "--since", "2026-13"], "since must be a date"),
    (["report", "--since", "last-month", "--until", "last-month", "--vs", "last-month"],
     "'last-month' is the time that is asked about: compare it with an earlier one"),
    (["plan", "set", "por"], "did you mean 'pro'? For another one, give --price"),
    (["wekly"], "Did you mean 'weekly'?"),
    (["reprot"], "Did you mean 'report'?"),
])  # fmt: skip
def test_a_wrong_word_is_answered_with_the_right_one(machine, words, meant):
    said = tokentrack(machine, *words, code=None)
    assert meant in said
    assert "Error: " in said


def test_every_spelling_that_is_suggested_works(machine):
    tokentrack(machine, "plan", "set", "pro")
    for words in SPELLINGS.values():
        tokentrack(machine, *words.split())


def test_a_heading_names_the_ledger_and_unknown_values_as_tables_show_them(machine):
    words = ("report", "--here", "--model", "", "--user", "!", "--hook", "!x")
    said = tokentrack(machine, *words, env={"COLUMNS": "200"})
    assert " · this workspace · model – · hook !x · user !– · " in said.splitlines()[0]


def test_a_month_is_its_first_day_as_a_beginning_and_its_last_as_an_end(machine):
    words = ("report", "--json", "--tz", "UTC")
    months, days = (
        json.loads(tokentrack(machine, *words, "--since", since, "--until", until))["query"]
        for since, until in (("2026-02", "2026-03"), ("2026-02-01", "2026-03-31"))
    )
    assert (months["since"], months["until"]) == (days["since"], days["until"])
    assert months["since"].startswith("2026-02-01T00:00:00")


def test_a_column_that_is_named_twice_is_shown_once(machine):
    machine.send("Stop")
    text = tokentrack(machine, "report", "--show", "turns,failed,turns")
    assert text == tokentrack(machine, "report", "--show", "turns,failed")
    assert text.count("turns") == 1


@pytest.mark.parametrize(("sort", "order"), [
    ("when", "newest"), ("-when", "oldest"), ("credits", "most credits"),
    ("-credits", "fewest credits"), ("time", "longest"), ("-rate", "slowest"),
])  # fmt: skip
def test_the_heading_says_which_turns_come_first(machine, sort, order):
    machine.send("Stop")
    assert f"Turns, {order} first ·" in tokentrack(machine, "turns", "--sort", sort)
