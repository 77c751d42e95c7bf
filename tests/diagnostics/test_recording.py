"""The doctor reports queued events, what keeps them waiting, and where they are from."""

import os

import pytest

from support.doctor import findings, having, install, tokentrack
from support.ledgers import posix_only


@pytest.fixture
def recorded(machine):
    install(machine)
    machine.send("Stop", "first")
    return machine


def test_nothing_that_waits_is_nothing_to_tell(recorded):
    assert not [f for f in findings(recorded) if "event" in f["message"]]


@pytest.mark.slow
@posix_only
def test_what_keeps_events_waiting_is_named(recorded):
    lock = recorded.folder / "token_transactions.csv.lock"
    lock.unlink()
    os.mkfifo(lock)
    recorded.send("Stop", "waits")
    (found,) = having(findings(recorded, code=1), "1 event can't be recorded yet", "problem")
    assert "token_transactions.csv.lock: not a regular file" in found["message"]
    assert "not a regular file" in tokentrack(recorded, "status", code=1)
    lock.unlink()
    assert "1 event" not in tokentrack(recorded, "doctor")
    assert [row["session_id"] for row in recorded.rows()] == ["first", "waits"]


@pytest.mark.slow
def test_events_of_a_workspace_that_was_moved_away_are_told_with_its_path(recorded, tmp_path):
    state = recorded.folder / ".tokentrack"
    state.rename(recorded.folder / "aside")
    state.write_bytes(b"in the way")
    recorded.send("Stop", "rescued")
    state.unlink()
    (recorded.folder / "aside").rename(state)
    ledger = str(recorded.folder / "token_transactions.csv")
    here, elsewhere = recorded.root, tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = ("--workspace", str(elsewhere))
    (found,) = having(findings(recorded, *words, code=1), f"1 event of {ledger}", "warning")
    assert found["fix"] == f"tokentrack maintain --workspace {here}"
    moved = here.rename(tmp_path / "moved")
    recorded.root = elsewhere
    (found,) = having(findings(recorded, code=1), f"1 event of {ledger}, which is gone", "warning")
    (waiting,) = recorded.home.rglob("spool/new/*.json")
    assert str(waiting.parents[2]) in found["message"]
    moved.rename(here)
    recorded.root = here
    assert tokentrack(recorded, "maintain") == "recorded 1 event that waited\n"
    assert [row["session_id"] for row in recorded.rows()] == ["first", "rescued"]
    assert not [f for f in findings(recorded) if "event of" in f["message"]]


@pytest.mark.slow
def test_losses_are_told_with_the_file_that_notes_them(recorded):
    (recorded.state / "lost.log").write_text("2026-01-01T00:00:00.000Z errno=28\n")
    (found,) = having(findings(recorded, code=1), "could not be written anywhere", "problem")
    assert "lost.log" in found["message"]
    os.rename(recorded.state / "lost.log", recorded.state / "lost.log.seen")
    assert not having(findings(recorded), "could not be written anywhere", "problem")
