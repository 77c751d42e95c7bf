"""IDE 0.x's storage, before and since 2026-02."""

import os

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.home import digest, dump
from support.kiro_homes.ide import IdeStorage
from tokentrack.kiro import ide_storage, ide_workspaces, read_pass
from tokentrack.kiro.ide_storage import Limits, RecentExecutions
from tokentrack.kiro.read_pass import ReadPass


@pytest.fixture
def storage(tmp_path):
    return IdeStorage(KiroHome(tmp_path))


def read(storage, workspaces=None):
    with ReadPass() as reading:
        return list(ide_storage.turns(str(storage.folder), reading, workspaces)), reading


def test_the_older_format_has_a_model_and_no_credits(storage):
    storage.chat()
    (turn,), _ = read(storage)
    assert (turn.model, turn.credits, turn.prompt) == ("claude-sonnet-4", None, "fix the test")


def test_the_newer_format_has_credits(storage):
    expected = storage.execution([0.1, 0.2])
    (turn,), _ = read(storage)
    assert (turn.credits, turn.status, turn.session_id) == ("0.3", "success", expected.session_id)


def test_an_execution_in_both_formats_has_its_credits(storage):
    expected = storage.execution([0.5])
    dump(
        storage.folder / digest("/w/alpha") / f"{expected.source_id}.chat",
        {"executionId": expected.source_id},
    )
    (turn,), reading = read(storage)
    assert (turn.credits, reading.counts) == ("0.5", {read_pass.DUPLICATE: 1})


def test_what_else_is_in_the_storage_is_not_opened(storage):
    storage.noise()
    turns, reading = read(storage)
    assert (turns, reading.counts) == ([], {})


@pytest.mark.parametrize("content", ["", "{", "[]", "{}x", '{"executionId": 3}'])
def test_a_damaged_file_is_noted_and_the_others_count(storage, content):
    storage.execution([0.5])
    (storage.folder / digest("/w/alpha") / digest("s") / "torn").parent.mkdir(exist_ok=True)
    (storage.folder / digest("/w/alpha") / digest("s") / "torn").write_text(content)
    turns, reading = read(storage)
    assert (len(turns), sum(reading.counts.values())) == (1, 1)


def test_a_workspace_is_known_only_if_a_digest_fits(storage):
    storage.execution([0.5], "/w/alpha")
    user, reading = str(storage.home.ide_user), ReadPass()
    assert read(storage)[0][0].workspace == ""
    known = ide_workspaces.workspaces(user, [], reading)
    assert read(storage, known)[0][0].workspace == "/w/alpha"
    assert (
        read(storage, ide_workspaces.workspaces("/none", ["/w/beta"], reading))[0][0].workspace
        == ""
    )
    assert reading.counts == {}


def around(storage, limits, at, first=0, last=2**63, created=0):
    folder = str(storage.folder / digest("/w/alpha"))
    recent = RecentExecutions(limits, ReadPass())
    turns, is_whole = recent.around((folder,), at, (first, last), created)
    return [turn.source_id for turn in turns], is_whole


@pytest.fixture
def written(storage):
    """Return a storage whose files were written at 0, 100, 200, 300 and 400 s; and their ids."""
    turns = [storage.execution([0.5]) for _ in range(5)]
    for number, turn in enumerate(turns):
        os.utime(storage.path(turn), (number * 100, number * 100))
    return storage, [turn.source_id for turn in turns]


def test_what_was_written_closest_to_a_time_is_read_first_and_no_more_than_a_limit(written):
    storage, ids = written
    plenty = Limits(100, 100, 10**6)
    assert around(storage, plenty, 210 * 10**6)[0] == [ids[n] for n in (2, 3, 1, 4, 0)]
    assert around(storage, plenty, 0, 150 * 10**6, 350 * 10**6) == ([ids[2], ids[3]], True)
    assert around(storage, Limits(100, 2, 10**6), 210 * 10**6) == ([ids[2], ids[3]], False)
    size = storage.path(storage.home.expected[2]).stat().st_size
    assert around(storage, Limits(100, 9, size), 210 * 10**6) == ([ids[2]], False)
    assert around(storage, Limits(3, 9, 10**6), 0)[1] is False
    assert around(storage, plenty, 0, created=2**62) == ([], True)
