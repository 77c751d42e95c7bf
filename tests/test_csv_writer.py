"""The CSV writer of the Python API: what it writes comes back, next to other writers."""

from __future__ import annotations

import csv
import os
import threading
from datetime import UTC, datetime

import pytest

from support.ledgers import HEADER, Workspace, line_of, posix_only, transaction, twice
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.csv_writer import CSVWriter
from tokentrack.errors import FileSystemError

HARD = 'say "hi",\r\nC:\\new \0 \udc80 é 😀 \u2028\x1a'


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none")


@pytest.fixture
def writer(space):
    return CSVWriter(space.config, paths=space.paths, environ=space.environ)


def test_a_transaction_comes_back(writer):
    written = transaction(
        "exec-1", timestamp=datetime(2026, 1, 15, 10, 30, 45, 123456, tzinfo=UTC),
        prompt_text=HARD, elapsed_time=None, file_patterns=["*.py", "a;b", "c\\"],
        hook_name="hook", error_occurred=True, error_message=HARD,
    )  # fmt: skip
    assert writer.write_transaction(written)
    assert writer.read_transactions() == [written]


def test_every_line_counts_one_record(space, writer):
    rows = [transaction(f"row-{n}", prompt_text=HARD * n) for n in range(10)]
    assert writer.write_transactions_batch(rows) == 10
    assert space.ledger.read_bytes().count(b"\n") == 11
    with space.ledger.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file, strict=True))) == 10


def test_the_file_starts_with_the_header_once(space, writer):
    for number in range(3):
        assert writer.write_transaction(transaction(f"row-{number}"))
    assert space.ledger.read_bytes().count(HEADER) == 1
    assert space.ledger.read_bytes().startswith(HEADER)


def test_a_limit_gives_the_last_records(writer):
    rows = [transaction(f"row-{n}") for n in range(5)]
    writer.write_transactions_batch(rows)
    assert writer.read_transactions(2) == rows[3:]
    assert writer.read_transactions(0) == []
    assert writer.read_transactions(99) == rows


def test_nothing_is_written_for_an_empty_batch(space, writer):
    assert writer.write_transactions_batch([]) == 0
    assert list(space.kiro.iterdir()) == []


def test_a_caller_may_give_the_same_record_twice(space, writer):
    assert writer.write_transaction(transaction("same"))
    assert writer.write_transactions_batch([transaction("same")] * 2) == 2
    assert space.ids() == ["same"] * 3


def test_every_row_has_its_usage(space, writer):
    writer.write_transactions_batch([transaction(f"row-{n}") for n in range(5)])
    assert space.usage_ids() == space.ids()


def test_a_ledger_that_is_not_there_is_empty(writer):
    assert writer.read_transactions() == []
    assert writer.validate_csv_integrity() == {
        "file_exists": False, "valid_headers": False, "valid_rows": 0, "total_rows": 0,
        "issues": [], "files": [],
    }  # fmt: skip


def test_damage_is_listed_with_its_line(space, writer):
    good = line_of(transaction("good", prompt_text="a, b"))
    bad_number = line_of(transaction("bad")).replace(b",5,", b",five,")
    space.ledger.write_bytes(HEADER + good + b"one,two\n" + bad_number + good + b"\xff\n")
    found = writer.validate_csv_integrity()
    assert (found["total_rows"], found["valid_rows"]) == (5, 2)
    assert [issue.split(":")[0] for issue in found["issues"]] == ["line 3", "line 4", "line 6"]
    assert "tokens_used (4 characters)" in found["issues"][1]
    assert len(writer.read_transactions()) == 2


@pytest.mark.parametrize(
    ("cell", "wrong"),
    [(b",5,", w) for w in (b",-5,", b",1_0,", b", 5,", b",,", b",5.0,", b",\xd9\xa1,")]
    + [(b",1.5,", w) for w in (b",nan,", b",inf,", b",1e999,", b",-1,", b",1_0.5,")]
    + [(b",false,", w) for w in (b",no,", b",,", b",0,")]
    + [(b"2025-10-09", w) for w in (b"2025-13-09", b"today", b"")],
)
def test_a_cell_that_means_nothing_makes_no_record(space, writer, cell, wrong):
    line = line_of(transaction("row"))
    assert cell in line
    space.ledger.write_bytes(HEADER + line.replace(cell, wrong))
    assert writer.read_transactions() == []
    assert len(writer.validate_csv_integrity()["issues"]) == 1


@posix_only
def test_a_ledger_that_can_not_be_read_is_an_error(space, writer):
    space.ledger.mkdir()
    with pytest.raises(FileSystemError):
        writer.read_transactions()


def test_threads_of_one_writer_lose_nothing(space, writer):
    def write(name: int) -> None:
        for number in range(50):
            assert writer.write_transaction(transaction(f"{name}-{number}", prompt_text=HARD))

    threads = [threading.Thread(target=write, args=[name]) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with space.tracker:
        pass
    assert len(space.ids()) == 400
    assert twice(space.ids()) == []


def test_readers_see_only_whole_records_while_others_write(space, writer):
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = writer.validate_csv_integrity()
            assert found["total_rows"] == found["valid_rows"]
            seen.append(found["total_rows"])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        row = transaction(f"row-{number}", prompt_text=HARD + "x" * 20_000)
        assert writer.write_transaction(row)
    done.set()
    reader.join()
    assert seen == sorted(seen)
    assert space.ids() == [f"row-{n}" for n in range(100)]


def test_a_batch_that_finds_the_lock_held_is_safe_in_the_spool(space):
    space.config.file_lock_timeout_seconds = 0
    writer = CSVWriter(space.config, paths=space.paths, environ=space.environ)
    rows = [transaction(f"row-{n}", timestamp=10**15 + n) for n in range(5)]
    with space.locked():
        assert writer.write_transactions_batch(rows) == 5
        assert writer.read_transactions() == []
    assert writer.write_transaction(transaction("next"))
    assert space.ids() == [*[f"row-{n}" for n in range(5)], "next"]


@posix_only
def test_files_are_private_whatever_the_mask(space, writer):
    before = os.umask(0)
    try:
        with space.locked():
            space.config.hook_lock_timeout_ms = 0
            assert space.complete("spooled")
        space.ledger.write_bytes(HEADER + b"torn")
        space.ledger.chmod(0o600)
        assert writer.write_transaction(transaction("row"))
    finally:
        os.umask(before)
    found = [path for path in space.kiro.rglob("*") if path.stat().st_mode & 0o077]
    assert found == []


def test_another_file_name_has_companions_of_its_own(tmp_path):
    space = Workspace(tmp_path)
    config = TrackerConfig(csv_file_path=".kiro/team.csv", durability="none")
    tracker = type(space.tracker).for_workspace(str(space.root), config, space.environ)
    assert tracker.record_event(space.event("agentExecutionCompleted", execution_id="one"))
    assert sorted(path.name for path in space.kiro.iterdir()) == [
        ".gitignore", ".tokentrack-team.csv", "team.csv", "team.csv.lock", "team_usage.csv",
    ]  # fmt: skip


@posix_only
@pytest.mark.parametrize("name", ["validate_csv_integrity", "read_transactions"])
def test_a_pipe_in_the_ledgers_place_is_an_error_and_nothing_to_wait_for(space, writer, name):
    space.kiro.mkdir(parents=True, exist_ok=True)
    os.mkfifo(space.ledger)
    with pytest.raises(FileSystemError, match="can't be read"):
        getattr(writer, name)()
