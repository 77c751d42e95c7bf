"""Interactive sessions of CLI 2.0 and newer: read whole, from their end, and damaged."""

import json

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.cli import CliSession
from tokentrack.kiro import cli_sessions, read_pass
from tokentrack.kiro.read_pass import ReadPass


@pytest.fixture(params=[False, True], ids=["cli-2.0", "cli-newer"])
def session(tmp_path, request):
    return CliSession(KiroHome(tmp_path), newer=request.param)


def all_turns(session):
    with ReadPass() as reading:
        return list(cli_sessions.turns(str(session.path.parent), reading)), reading


def last(session, limit=1):
    folder, reading = str(session.path.parent), ReadPass()
    return cli_sessions.last_turns(folder, session.session_id, limit, reading)


def grow(session):
    """Add turns until the session is too large to be read whole for one of them."""
    for number in range(40):
        session.turn([number / 10])
    for metadata in session.metadatas:
        metadata["result"]["Ok"]["content"][0]["data"] += ' and "loop_id":' * 2_000
    session.save()
    assert session.path.stat().st_size > 1_200_000


def test_a_turn_has_its_numbers_once_kiro_has_written_them(session):
    turn = session.pending(session.turn([0.1, 0.2]))
    (before,) = last(session)
    assert (before.credits, before.execution_id) == (None, turn.source_id)
    session.bill(turn, [0.1, 0.2])
    (after,) = last(session)
    assert (after.credits, after.request_count, after.model) == ("0.3", 2, turn.model)
    assert after.ended_at - after.started_at == 5_500_000
    assert (after.input_tokens, after.context_percent) == (None, 4.566797)


def test_the_end_of_a_large_session_says_the_same_as_all_of_it(session):
    grow(session)
    whole = all_turns(session)[0][-3:]
    for turn in whole:
        turn.prompt = turn.workspace = turn.origin = ""
    assert last(session, 3) == whole


def test_half_a_large_session_gives_the_turns_that_are_whole(session):
    grow(session)
    whole = all_turns(session)[0]
    data = session.path.read_bytes()
    session.path.write_bytes(data[: data.rindex(b'"metering_usage"')])
    assert last(session)[0].source_id == whole[-2].source_id


def test_a_document_cut_off_is_noted(session):
    session.turn([1.0])
    session.path.write_bytes(session.path.read_bytes()[:-20])
    turns, reading = all_turns(session)
    assert (turns, reading.counts) == ([], {read_pass.NOT_JSON: 1})
    assert last(session) == []


def test_rewound_turns_stay_in_the_session_they_come_from(session):
    turns = [session.turn([0.5]) for _ in range(3)]
    rewound = session.rewind(2)
    later = rewound.turn([0.25])
    found, reading = all_turns(session)
    assert {t.source_id: t.session_id for t in found} == {
        t.source_id: t.session_id for t in [*turns, later]
    }
    assert reading.counts == {read_pass.DUPLICATE: 2}
    assert {t.origin for t in found} == {"user", "rewind"}


def test_turns_without_an_answer_are_told_apart_by_loop_and_time(session):
    session.turn([0.5], answered=False)
    session.turn([0.5], answered=False)
    for metadata in session.metadatas:
        metadata["loop_id"]["rand"] = 7  # 32 bits are not enough for all turns of the world
    session.save()
    session.rewind(2)
    turns, reading = all_turns(session)
    assert len(turns) == 2
    assert reading.counts == {read_pass.DUPLICATE: 2}


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"metering_usage": [{"value": True, "unit": "credit"}]}, {read_pass.REFUSED_NUMBER: 1}),
        ({"metering_usage": "many"}, {}),
        ({"result": None, "loop_id": None}, {read_pass.WRONG_SHAPE: 1}),
        ({"turn_duration": None, "end_timestamp": None, "message_ids": None}, {}),
        ({"turn_duration": {"secs": -1}, "message_ids": [3, None]}, {}),
        ({"result": {"Err": "timeout"}, "end_reason": None}, {}),
    ],
)
def test_a_damaged_turn_is_noted_and_the_others_count(session, change, counts):
    session.turn([0.5])
    session.turn([0.25])
    session.metadatas[0].update(change)
    session.save()
    turns, reading = all_turns(session)
    assert turns[-1].credits == "0.25"
    assert reading.counts == counts


@pytest.mark.parametrize("document", ["[]", "null", '{"session_state": 3}', '{"a": 1}', ""])
def test_a_document_of_another_shape_is_noted(session, document):
    session.path.write_text(document)
    turns, reading = all_turns(session)
    assert turns == []
    assert sum(reading.counts.values()) == 1


def test_a_session_without_turns_is_no_problem(session):
    turns, reading = all_turns(session)
    assert (turns, reading.counts) == ([], {})
    assert last(session) == []


@pytest.mark.parametrize("name", ["", "token", "../12345678", "12345678", "/etc/passwd"])
def test_a_session_id_is_a_plain_name(session, name):
    session.turn([1.0])
    assert cli_sessions.last_turns(str(session.path.parent), name, 1, ReadPass()) == []


def test_a_file_that_is_not_named_as_a_session_is_never_opened(session):
    copy = session.path.with_name("token.json")
    session.turn([1.0])
    copy.write_text(json.dumps(session.document))
    assert [t.session_id for t in all_turns(session)[0]] == [session.session_id]
