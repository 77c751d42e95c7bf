"""History, statistics, backups and integrity of the Python API."""

import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.ledgers import Workspace, posix_only, transaction
from tokentrack import CSVWriter, TokenTracker, TrackerConfig
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.recorder.tokens import estimate_tokens
from tokentrack.reports.ledger.filters import KNOWN_FILTERS, record_filter

DAY = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", backup_enabled=False)


def fill(space, *made):
    writer = CSVWriter(space.config, paths=space.paths, environ=space.environ)
    assert writer.write_transactions_batch(made) == len(made)


def ids(found):
    return [t.agent_execution_id for t in found]


ROWS = [
    transaction("a", timestamp=DAY, tokens_used=5, file_patterns=["*.py", "src/x.md"],
                workspace_folder="one", hook_name="h1", error_occurred=True),
    transaction("b", timestamp=DAY + timedelta(days=1), tokens_used=50, session_id="other"),
    transaction("c", timestamp=DAY + timedelta(days=2), tokens_used=500,
                hook_trigger_type="manual"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (None, "abc"),
        ({}, "abc"),
        ({"start_date": None, "workspace": None}, "abc"),
        ({"start_date": DAY + timedelta(days=1)}, "bc"),
        ({"end_date": DAY}, "a"),
        ({"end_date": DAY - timedelta(microseconds=1)}, ""),
        ({"start_date": "2026-03-30T12:00:00Z", "end_date": "2026-03-30T12:00:00+00:00"}, "b"),
        ({"workspace_folder": "one"}, "a"),
        ({"workspace": "one"}, "a"),
        ({"workspace": "one", "workspace_folder": "workspace"}, ""),
        ({"hook_trigger_type": "manual"}, "c"),
        ({"hook_name": "h1"}, "a"),
        ({"session_id": "other"}, "b"),
        ({"min_tokens": 50}, "bc"),
        ({"max_tokens": 50}, "ab"),
        ({"min_tokens": 6, "max_tokens": 499}, "b"),
        ({"error_occurred": True}, "a"),
        ({"error_occurred": False}, "bc"),
        ({"file_pattern": "*.py"}, "a"),
        ({"file_pattern": "src/*"}, "a"),
        ({"file_pattern": "*.rs"}, ""),
    ],
)
def test_filters_choose_records(space, filters, found):
    fill(space, *ROWS)
    assert ids(space.tracker.get_transaction_history(filters)) == list(found)


def test_the_limit_takes_the_last_of_those_that_pass(space):
    fill(space, *ROWS)
    tracker = space.tracker
    assert ids(tracker.get_transaction_history(limit=2)) == ["b", "c"]
    assert ids(tracker.get_transaction_history({"max_tokens": 50}, 1)) == ["b"]
    assert tracker.get_transaction_history(limit=0) == []


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
def test_a_day_is_the_whole_local_day_even_where_the_clock_changes(zone):
    # 29 March 2026 has 23 hours in Berlin. A process of its own, for the time zone.
    code = """
from datetime import date, datetime, timedelta
from tokentrack.reports.ledger.filters import record_filter
from tokentrack import TokenTransaction
def at(moment):
    return TokenTransaction.create_new("p", 1, 0.5, "w", "t", timestamp=moment)
passes = record_filter({"start_date": "2026-03-29", "end_date": date(2026, 3, 29)})
day = datetime(2026, 3, 29)
inside = [day, day + timedelta(hours=12), datetime(2026, 3, 29, 23, 59, 59, 999999)]
outside = [day - timedelta(microseconds=1), datetime(2026, 3, 30)]
assert all(passes(at(moment)) for moment in inside)
assert not any(passes(at(moment)) for moment in outside)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TZ": zone}, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@given(st.dates())
def test_any_date_is_a_filter(day):
    record_filter({"start_date": day, "end_date": day})
    record_filter({"start_date": day.isoformat()})


@pytest.mark.parametrize(
    "filters",
    [{"start_date": "soon"}, {"end_date": 5}, {"min_tokens": "5"}, {"max_tokens": True},
     {"error_occurred": "no"}, {"workspace": 5}, {"file_pattern": ["*.py"]}, 5, "text", ["a"]],
)  # fmt: skip
def test_an_impossible_filter_is_an_error(space, filters):
    with pytest.raises(ValidationError):
        space.tracker.get_transaction_history(filters)


def test_an_unknown_filter_is_an_error_that_names_the_known_ones(space):
    with pytest.raises(ValidationError) as caught:
        space.tracker.get_transaction_history({"workspce": "a", "colour": 1})
    assert len(caught.value.issues) == 2
    assert all(name in str(caught.value) for name in KNOWN_FILTERS)


@pytest.mark.parametrize("limit", [-1, 1.5, "5", True])
def test_an_impossible_limit_is_an_error(space, limit):
    with pytest.raises(ValidationError):
        space.tracker.get_transaction_history(limit=limit)


def test_statistics_are_the_ledgers_and_this_objects(space):
    first = space.tracker
    first.record_transaction("a", 100, 2.0)
    first.record_transaction("estimated", context={"error": "failed"})
    tokens = 100 + estimate_tokens("estimated")
    other = space.tracker
    other.record_transaction("b", -5, 1.0)
    found = other.get_statistics()
    assert (found["transactions_recorded"], found["total_tokens_tracked"]) == (2, tokens)
    assert found["average_tokens_per_transaction"] == tokens / 2
    assert found["token_basis"] == {"reported": 1, "estimated": 1, "unknown": 0}
    assert (found["total_elapsed_time"], found["average_elapsed_time"]) == (2.0, 2.0)
    assert (found["transactions_with_errors"], found["error_rate"]) == (1, 0.5)
    assert (found["recorded_by_this_tracker"], found["errors"]["total_errors"]) == (0, 1)
    assert first.get_statistics()["recorded_by_this_tracker"] == 2


def test_the_uptime_is_this_objects(space):
    tracker = space.tracker
    first = tracker.get_statistics()["uptime_seconds"]
    time.sleep(0.01)
    assert tracker.get_statistics()["uptime_seconds"] > first >= 0


def test_without_rows_the_averages_are_unknown_and_nothing_is_made(space):
    found = space.tracker.get_statistics()
    averages = ("average_tokens_per_transaction", "average_elapsed_time", "error_rate",
                "total_elapsed_time", "first_transaction")  # fmt: skip
    assert [found[name] for name in averages] == [None] * 5
    assert (found["transactions_recorded"], found["problem"]) == (0, "")
    assert list(space.kiro.iterdir()) == []


def test_integrity_names_each_damaged_line(space):
    fill(space, *ROWS)
    with open(space.ledger, "ab") as file:
        file.write(b"junk\n\xff\xfe\n" + b"x," * 11 + b"x\ntorn")
    found = space.tracker.validate_csv_integrity()
    assert (found["file_exists"], found["valid_headers"]) == (True, True)
    assert (found["valid_rows"], found["total_rows"]) == (3, 6)
    assert [issue.split(":")[0] for issue in found["issues"]] == [
        "line 5", "line 6", "line 7", "the last line is incomplete",
    ]  # fmt: skip


def test_integrity_of_nothing(space):
    assert space.tracker.validate_csv_integrity() == {
        "file_exists": False, "valid_headers": False, "valid_rows": 0, "total_rows": 0,
        "issues": [], "files": [],
    }  # fmt: skip


def test_a_ledger_that_cannot_be_read_is_one_sentence_and_counted(space):
    space.ledger.mkdir()
    tracker = space.tracker
    for read in (tracker.get_transaction_history, tracker.validate_csv_integrity):
        with pytest.raises(FileSystemError, match="can't be read"):
            read()
    found = tracker.get_statistics()
    assert found["errors"]["by_category"] == {"csv_read": 2}
    assert "can't be read" in found["problem"]


# --- backups ---


def test_a_backup_is_a_private_copy_beside_the_ledger(space):
    fill(space, *ROWS)
    path = space.tracker.create_backup()
    assert path.parent == space.kiro
    assert path.match("token_transactions_backup_????????_??????.csv")
    assert path.read_bytes() == space.ledger.read_bytes()
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600


def test_two_backups_of_a_second_are_two_files(space):
    fill(space, *ROWS)
    paths = [space.tracker.create_backup() for _ in range(5)]
    assert len(set(paths)) == 5
    assert len(list(space.kiro.glob("token_transactions_backup_*.csv"))) == 5


def test_a_torn_last_line_is_not_in_the_backup(space):
    fill(space, *ROWS)
    whole = space.ledger.read_bytes()
    with open(space.ledger, "ab") as file:
        file.write(b"2026-01-01T")
    assert space.tracker.create_backup().read_bytes() == whole


def test_without_a_ledger_there_is_no_backup_and_nothing_is_made(space):
    assert space.tracker.create_backup() is None
    assert list(space.kiro.iterdir()) == []


def test_a_backup_waits_for_the_lock_as_long_as_the_configuration_says(tmp_path):
    space = Workspace(tmp_path, file_lock_timeout_seconds=0.05)
    fill(space, *ROWS)
    tracker = space.tracker
    with space.locked():
        assert tracker.create_backup() is None
    assert tracker.get_statistics()["errors"]["total_errors"] == 1
    assert tracker.create_backup() is not None


@posix_only
def test_a_link_in_the_ledgers_place_is_not_copied(space, tmp_path):
    (tmp_path / "private").write_text("private")
    space.ledger.symlink_to(tmp_path / "private")
    assert space.tracker.create_backup() is None
    assert not list(space.kiro.glob("*_backup_*"))


# --- where the ledger is ---


@pytest.mark.parametrize(
    ("path", "expected"),
    [(".kiro/token_transactions.csv", "ws/.kiro/token_transactions.csv"),
     (".kiro/sub/t.csv", "ws/.kiro/sub/t.csv"), ("mine.csv", "ws/deep/mine.csv")],
)  # fmt: skip
def test_a_path_below_kiro_is_the_workspaces_and_another_the_working_folders(
    tmp_path, monkeypatch, path, expected
):
    (tmp_path / "ws" / ".kiro").mkdir(parents=True)
    (tmp_path / "ws" / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "ws" / "deep")
    config = TrackerConfig(csv_file_path=path)
    for made in (TokenTracker(config), CSVWriter(config)):
        assert made.paths.path == str(tmp_path / expected)


def test_an_invalid_configuration_counts_as_the_defaults_with_a_warning(tmp_path, caplog):
    config = TrackerConfig(max_prompt_length=-1, log_level="LOUD", hook_name="mine")
    tracker = TokenTracker(config, paths=Workspace(tmp_path).paths)
    assert (tracker.config.max_prompt_length, tracker.config.log_level) == (1000, "INFO")
    assert tracker.config.hook_name == "mine"
    assert len(caplog.records) == 2
    assert config.max_prompt_length == -1


def test_a_date_is_no_datetime_and_both_are_taken():
    assert record_filter({"start_date": date(2026, 1, 1)})(ROWS[0])
