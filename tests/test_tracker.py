"""The tracker of the Python API: what it accepts, refuses, and reads back."""

import os
import subprocess
import sys

import pytest

from support.kiro import Ledger
from tokentrack import TokenTracker, TokenTransaction, TrackerConfig


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    (tmp_path / "ws" / ".kiro").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "ws")
    return TokenTracker(TrackerConfig(), environ={"HOME": str(tmp_path / "home")})


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ws" / ".kiro")


def test_a_call_is_recorded_with_its_context(tracker, ledger):
    context = {"session_id": "s1", "hook_name": "h", "file_patterns": ["*.py"],
               "trigger_type": "custom", "agent_execution_id": "e1"}  # fmt: skip
    assert tracker.record_transaction("a prompt", 150, 2.5, context) is True
    row = ledger.row()
    assert (row["prompt_text"], row["tokens_used"]) == ("a prompt", "150")
    assert row["elapsed_time"] == "2.5"
    assert (row["session_id"], row["agent_execution_id"], row["file_patterns"]) == (
        "s1", "e1", "*.py")  # fmt: skip
    assert row["workspace_folder"] == "ws"
    assert ledger.usage()[0]["token_basis"] == "reported"


BAD = [
    (None, 1, 1.0), (5, 1, 1.0), ("p", -1, 1.0), ("p", 1.5, 1.0), ("p", "1", 1.0), ("p", True, 1.0),
    ("p", 10**5000, 1.0), ("p", 1, -1.0), ("p", 1, float("nan")), ("p", 1, "soon"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", BAD)
def test_bad_data_is_refused_and_logged_without_the_prompt(tracker, ledger, arguments):
    assert tracker.record_transaction(*arguments) is False
    assert ledger.rows() == []
    assert " WARNING " in ledger.log()


def test_a_record_made_elsewhere_is_taken_as_it_is(tracker):
    record = TokenTransaction.create_new("p\n;\ud800\0", 1, 0.5, "w", "t", file_patterns=["a;b"])
    assert tracker.record_transaction(record) is True
    assert tracker.get_transaction_history() == [record]


def test_history_is_in_order_and_limited(tracker):
    for number in range(5):
        tracker.record_transaction(f"prompt {number}", number, 0.0)
    assert [t.tokens_used for t in tracker.get_transaction_history()] == [0, 1, 2, 3, 4]
    assert [t.tokens_used for t in tracker.get_transaction_history(limit=2)] == [3, 4]
    assert tracker.get_transaction_history(limit=0) == []


def test_without_a_ledger_the_history_is_empty(tracker, ledger):
    assert tracker.get_transaction_history() == []
    assert list(ledger.folder.iterdir()) == []


def test_rows_that_cannot_be_read_are_left_out_of_the_history(tracker, ledger):
    tracker.record_transaction("first", 1, 0.0)
    with open(ledger.folder / "token_transactions.csv", "ab") as file:
        file.write(b"junk\n\xff\n0001-01-01T00:00:00+14:00,p,1,1,s,w,t,e,,h,false,\n")
    tracker.record_transaction("second", 2, 0.0)
    assert [t.prompt_text for t in tracker.get_transaction_history()] == ["first", "second"]


def test_what_is_turned_off_records_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert TokenTracker(TrackerConfig(enabled=False)).record_transaction("p", 1, 0.0) is False
    assert list(tmp_path.iterdir()) == []


def test_a_bad_disk_is_false_and_no_exception(tracker, ledger, tmp_path):
    ledger.folder.rmdir()
    ledger.folder.write_text("in the way")
    (tmp_path / "home").write_text("in the way")
    assert tracker.record_transaction("p", 1, 0.0) is False


def test_a_tracker_in_a_folder_of_a_workspace_writes_the_workspaces_ledger(
    tmp_path, ledger, monkeypatch
):
    (tmp_path / "ws" / ".kiro").mkdir(parents=True)
    (tmp_path / "ws" / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "ws" / "deep")
    assert TokenTracker(environ={"HOME": str(tmp_path)}).record_transaction("p", 1, 0.0)
    assert ledger.row()["workspace_folder"] == "ws"
    assert list((tmp_path / "ws" / "deep").iterdir()) == []


def test_a_lock_that_stays_taken_leaves_the_record_in_the_spool(tracker, ledger):
    tracker.config.file_lock_timeout_seconds = 0
    with ledger.locked():
        assert tracker.record_transaction("waits", 1, 0.0) is True
        assert ledger.rows() == []
    with tracker:
        pass
    assert ledger.row()["prompt_text"] == "waits"
    assert ledger.waiting() == []


PUBLIC = ["TokenTracker", "TokenTransaction", "TrackerConfig", "CSVWriter", "MetadataCollector"]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_loaded_when_it_is_used(name):
    code = f"import sys, tokentrack; n = len(sys.modules); tokentrack.{name}; print(n)"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                            cwd=os.sep)  # fmt: skip
    assert result.stdout.strip().isdigit()
