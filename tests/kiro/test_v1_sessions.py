"""Sessions of the v1 engine (IDE 1.0, CLI V3): flaws of the file, and the last turns for a hook."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from tokentrack.kiro import read_pass, v1_sessions
from tokentrack.kiro.kiro_files import MAX_LINE
from tokentrack.kiro.read_pass import ReadPass


@pytest.fixture
def session(tmp_path):
    return V1Session(KiroHome(tmp_path))


def folder(session):
    return str(session.home.kiro / "sessions")


def all_turns(session):
    with ReadPass() as reading:
        return list(v1_sessions.turns(folder(session), reading)), reading


def last(session, limit=1):
    return v1_sessions.last_turns(folder(session), session.session_id, limit, ReadPass())


def line(payload, at="2026-08-20T10:00:00.000Z"):
    return json.dumps({"id": "x", "timestamp": at, "payload": payload}).encode() + b"\n"


def usage(execution="e1", **fields):
    return {"type": "usage_summary", "executionId": execution, **fields}


def test_a_turn_has_its_numbers_once_kiro_has_written_them(session):
    turn = session.start()
    (before,) = last(session)
    assert (before.credits, before.ended_at, before.status) == (None, None, "")
    session.finish(turn, [0.1, 0.2])
    (after,) = last(session)
    assert (after.credits, after.status, after.request_count) == ("0.3", "success", 2)
    assert (after.model, after.context_percent) == ("claude-sonnet-4.5", 12.5)
    assert after.ended_at - after.started_at == 9_000_000


def test_the_last_turns_are_the_last_of_all(session):
    for number in range(30):
        session.turn([number / 10], prompt="x" * 20_000)
    found, _ = all_turns(session)
    for limit in (1, 3, 29, 30, 99):
        assert last(session, limit) == found[-limit:]


def test_a_turn_longer_than_the_first_tail_has_its_model(session):
    turn = session.start()
    for _ in range(10):
        session.write("tool_result", executionId=turn.source_id, content="y" * 30_000)
    session.finish(turn, [1.0])
    assert last(session)[0].model == turn.model


def test_a_turn_longer_than_all_tails_has_its_credits_and_times(session):
    turn = session.start()
    for _ in range(5):
        session.write("tool_result", executionId=turn.source_id, content="y" * 1_000_000)
    expected = session.finish(turn, [1.5])
    (found,) = last(session)
    assert (found.credits, found.started_at) == ("1.5", expected.started_at)
    assert found.model == "auto"  # the session's selection is all that is known


@pytest.mark.parametrize("name", ["", ".", "..", "../b1/x", "a/b", "a\\b", "C:x", "a\0b", "no"])
def test_a_session_id_is_a_plain_name(session, name):
    session.turn([1.0])
    assert v1_sessions.last_turns(folder(session), name, 1, ReadPass()) == []


def test_a_torn_last_line_is_noted_and_the_rest_counts(session):
    expected = session.turn([0.25])
    session.start()
    session.tear()
    turns, reading = all_turns(session)
    assert [turn.credits for turn in turns] == ["0.25", None]
    assert turns[0].source_id == expected.source_id
    assert reading.counts == {read_pass.HALF_WRITTEN: 1}
    lines = session.messages.read_bytes().count(b"\n")
    assert reading.examples[0].line == lines + 1


def test_a_last_line_that_only_lacks_its_line_feed_counts(session):
    session.turn([0.25])
    session.messages.write_bytes(session.messages.read_bytes().rstrip(b"\n"))
    turns, reading = all_turns(session)
    assert ([turn.credits for turn in turns], reading.counts) == (["0.25"], {})


FLAWS = [
    (b"usage_summary is no JSON\n", {}),
    (b'{"type":"usage_summary"\n', {read_pass.NOT_JSON: 1}),
    (b'["usage_summary"]\n', {read_pass.WRONG_SHAPE: 1}),
    (b'"usage_summary"\n', {read_pass.WRONG_SHAPE: 1}),
    (line("usage_summary"), {}),
    (line(usage("", promptTurnSummaries=[])), {read_pass.WRONG_SHAPE: 1}),
    (line(usage(["e"])), {read_pass.WRONG_SHAPE: 1}),
    (line({"type": "turn_start"}), {read_pass.WRONG_SHAPE: 1}),
    (line({"type": "assistant", "executionId": None}), {read_pass.WRONG_SHAPE: 1}),
    (line({"type": "turn_end", "stopReason": None}, at=None), {}),
    (line({"type": "session_metadata", "key": "contextUsage", "value": 3}), {}),
    (b'{"turn_end":' + b"[" * 200_000 + b"\n", {read_pass.NOT_JSON: 1}),
    (b'{"turn_end":' + b"1" * 5_000 + b"}\n", {read_pass.NOT_JSON: 1}),
    (b"\n\0\n\xff\xfe\n", {}),
]


@pytest.mark.parametrize(("flaw", "counts"), FLAWS, ids=range(len(FLAWS)))
def test_a_damaged_line_is_noted_and_the_others_count(session, flaw, counts):
    session.turn([0.25])
    number = session.messages.read_bytes().count(b"\n") + 1
    with session.messages.open("ab") as file:
        file.write(flaw)
    session.turn([0.5])
    turns, reading = all_turns(session)
    assert [turn.credits for turn in turns] == ["0.25", "0.5"]
    assert reading.counts == counts
    assert [skipped.line for skipped in reading.examples] == [number] * len(counts)


def test_a_line_over_the_limit_is_passed_without_being_held(session):
    session.turn([0.25])
    with session.messages.open("ab") as file:
        file.write(b'{"payload":{"type":"assistant","content":"')
        file.write(b"z" * (MAX_LINE + 5) + b'"}}\n')
    session.turn([0.5])
    turns, reading = all_turns(session)
    assert [turn.credits for turn in turns] == ["0.25", "0.5"]
    assert reading.counts == {read_pass.TOO_LONG: 1}


@pytest.mark.parametrize("value", [-1, True, "1000many", float("nan"), 1e300])
def test_a_number_that_is_none_is_refused_and_noted(session, value):
    with session.messages.open("ab") as file:
        file.write(line(usage(promptTurnSummaries=[{"unit": "credit", "usage": value}])))
    (turn,), reading = all_turns(session)
    assert (turn.credits, reading.counts) == (None, {read_pass.REFUSED_NUMBER: 1})


def test_a_later_summary_of_the_same_turn_counts_in_place_of_the_earlier(session):
    with session.messages.open("ab") as file:
        for value in (None, 0.5, 0.75, None):
            file.write(line(usage(promptTurnSummaries=[{"unit": "credit", "usage": value}])))
    (turn,), _ = all_turns(session)
    assert turn.credits == "0.75"


def test_credits_that_come_after_the_next_turn_began_find_their_turn(session):
    first = session.start()
    second = session.start()
    session.finish(first, [0.5])
    session.finish(second, [0.25])
    turns, _ = all_turns(session)
    assert {t.source_id: t.credits for t in turns} == {
        first.source_id: "0.5",
        second.source_id: "0.25",
    }
    assert turns[0].status == "success"


def test_a_turn_that_the_next_one_cut_off_is_aborted(session):
    session.start()
    session.turn([1.0])
    assert [turn.status for turn in all_turns(session)[0]] == ["aborted", "success"]


def test_subagents_add_no_turn_and_hide_none(session):
    parent = session.start()
    for _ in range(20):
        session.subagent(parent)
    session.finish(parent, [1.25])
    (turn,), _ = all_turns(session)
    assert (turn.credits, turn.model) == ("1.25", parent.model)


def test_tokens_above_0_are_taken_as_reported(session):
    with session.messages.open("ab") as file:
        file.write(line(usage(inputTokens=12, outputTokens=0)))
    (turn,), _ = all_turns(session)
    assert (turn.input_tokens, turn.output_tokens) == (12, None)


def test_the_older_of_two_copies_keeps_its_turns(session):
    expected = session.turn([1.0])
    session.copy(bucket="a-first-in-the-listing")
    (turn,), reading = all_turns(session)
    assert turn.session_id == expected.session_id
    assert reading.counts == {read_pass.DUPLICATE: 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KINDS = st.sampled_from(
    ["user", "turn_start", "assistant", "session_metadata", "usage_summary", "turn_end"]
)
KEYS = st.sampled_from(
    ["executionId", "promptTurnSummaries", "status", "elapsedTime", "key", "value", "content",
     "requestIds", "usage", "stopReason", "reasoningModelId"]
)  # fmt: skip


@given(st.lists(st.tuples(KINDS, st.dictionaries(KEYS, JSON), JSON), max_size=6))
def test_no_type_of_any_field_breaks_the_reader(tmp_path_factory, messages):
    session = V1Session(KiroHome(tmp_path_factory.mktemp("home")))
    expected = session.turn([0.25])
    with session.messages.open("ab") as file:
        file.writelines(line({**fields, "type": kind}, at) for kind, fields, at in messages)
    turns, _ = all_turns(session)
    assert Decimal(turns[0].credits) == expected.credits
