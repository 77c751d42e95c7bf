"""What an answer without turns says: the filter that no turn has, another time, or an import."""

import pytest

from support.imported import tokentrack
from support.priced_turns import add_turn
from tokentrack.common.timestamps import now_us

DAY = 86_400_000_000


@pytest.fixture
def used(machine):
    """Return a machine with two turns of today and one of a year ago."""
    now = now_us()
    add_turn(machine.folder, "a", now, "1", workspace_folder="web", tags="customer=acme")
    add_turn(machine.folder, "b", now, "2", workspace_folder="web", model="claude-sonnet-4.5")
    add_turn(machine.folder, "c", now - 400 * DAY, "3", workspace_folder="old")
    return machine


def said(machine, *words):
    text = tokentrack(machine, *words, env={"COLUMNS": "200"})
    assert " 0 turns" not in text.replace("(did", "")
    assert "total" not in text
    return text


@pytest.mark.parametrize("command", [["report"], ["turns", "--since", "this-month"], []])
def test_a_similar_value_is_suggested_with_its_turns(used, command):
    found = said(used, *command, "--workspace", "webb")
    assert "No turn of workspace `webb` since 1 " in found
    assert "(did you mean `web`? 2 turns)" in found


@pytest.mark.parametrize(("words", "meant"), [
    (["--model", "sonet"], "`claude-sonnet-4.5`? 1 turn)"),
    (["--tag", "customer=acm"], "`customer=acme`? 1 turn)"),
    (["--tag", "Customer"], "`customer`? 1 turn)"),
    (["--workspace", "wbe", "--model", "auto"], "`web`? 1 turn)"),
])  # fmt: skip
def test_parts_keys_and_further_filters_count(used, words, meant):
    assert f"did you mean {meant}" in said(used, "report", *words)


def test_a_value_like_no_other_leads_to_the_report_of_all(used):
    found = said(used, "report", "--workspace", "zzz")
    assert "`tokentrack report workspace --since all` shows which there are." in found


def test_a_tag_is_not_similar_to_a_part_of_another_one(machine):
    add_turn(machine.folder, "a", now_us(), "1", tags="origin=user")
    found = said(machine, "report", "--tag", "customer")
    assert "did you mean" not in found
    assert "`tokentrack report tag --since all` shows which there are." in found


def test_the_dash_of_tables_is_an_unknown_value(machine):
    add_turn(machine.folder, "a", now_us(), "1", model="")
    add_turn(machine.folder, "b", now_us(), "2")
    for given, expected in (("–", "1"), ("!–", "2")):
        text = tokentrack(machine, "report", "model", "--format", "csv", "--model", given)
        same = tokentrack(machine, "report", "model", "--format", "csv", "--model", given[:-1])
        assert text == same
        assert f",1,{expected}," in text


def test_a_known_value_without_turns_in_the_time_leads_to_all_time(used):
    found = said(used, "report", "--workspace", "old", "--since", "7d")
    assert "No turn passes these filters since " in found
    assert "There is 1 turn at other times: use --since all." in found
    assert "(did" not in found
    assert "No turn of" not in said(used, "report", "--workspace", "!web", "--since", "7d")


def test_the_time_is_named(used):
    assert "No turn since 1 Jan 2050. There are 3 turns" in said(
        used, "report", "--since", "2050-01-01"
    )
    assert "No turn in 1–31 Jan 2020." in said(
        used, "report", "--since", "2020-01-01", "--until", "2020-01-31"
    )
    assert "No turn on 3 Jan 2020." in said(
        used, "report", "--since", "2020-01-03", "--until", "2020-01-03"
    )
    assert "No turn since 1 Jan 2050 09:30." in said(used, "turns", "--since", "2050-01-01T09:30")
    assert "No turn up to 3 Jan 2000." in said(used, "turns", "--until", "2000-01-03")


def test_redacted_answers_suggest_no_name(used):
    found = said(used, "report", "--workspace", "webb", "--redact")
    assert "web`" not in found
    assert "No turn passes these filters" in found


def test_a_word_that_no_prompt_has(used):
    assert "No turn passes these filters at any time." in said(used, "turns", "--grep", "xyz")


def test_an_empty_ledger_leads_to_the_import(machine):
    assert "`tokentrack import` brings in Kiro's own history." in said(machine, "turns")
