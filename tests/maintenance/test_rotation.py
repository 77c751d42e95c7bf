"""Rotation, compression and retention."""

import gzip
import os
import threading
import time
from collections import Counter

import pytest

from support.ledgers import HEADER, posix_only
from support.maintained import Maintained, row
from tokentrack.common.timestamps import now_us
from tokentrack.errors import FileSystemError
from tokentrack.maintenance import rotation
from tokentrack.maintenance.schedule import run_due
from tokentrack.reports.ledger.ledger_rows import ledger_rows
from tokentrack.reports.ledger.ledger_totals import ledger_totals
from tokentrack.reports.scope import own_scope
from tokentrack.store.archives import open_ledger_file, open_ledger_files

TODAY = time.strftime("%Y%m%d", time.gmtime())


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


def rotated(space) -> str:
    with space.lock_drained() as ledger:
        return rotation.rotate(ledger, now_us())


def test_a_rotation_renames_both_ledgers_and_starts_new_ones(space):
    space.fill([2, 1])
    before = space.all_ids()
    inode = space.ledger.stat().st_ino
    assert f"rotated to token_transactions_{TODAY}.csv" in space.run("rotate")
    assert (space.kiro / f"token_transactions_{TODAY}.csv").stat().st_ino == inode
    assert space.ledger.read_bytes() == HEADER
    assert (space.all_ids(), space.all_usage()) == (before, before)
    assert "nothing to rotate" in space.run("rotate")


def test_archives_of_one_day_are_numbered_and_none_is_overwritten(space):
    for number in range(3):
        space.fill([1], prefix=f"r{number}-")
        rotated(space)
    stem = f"token_transactions_{TODAY}"
    assert space.names(stem) == [f"{stem}.csv", f"{stem}_2.csv", f"{stem}_3.csv"]
    assert space.all_ids() == Counter(["r0-0", "r1-0", "r2-0"])
    with open_ledger_files(space.paths) as files:
        assert list(files) == [*space.names(stem), "token_transactions.csv"]


def test_a_torn_last_line_goes_to_quarantine_and_not_into_an_archive(space):
    space.fill([1])
    with space.ledger.open("ab") as file:
        file.write(b"2026-01-15T10:3")
    name = rotated(space)
    assert space.read(name).endswith(b",false,\n")
    assert space.quarantined() == [b"2026-01-15T10:3"]


@pytest.mark.parametrize("job", ["rotate", "prune", "repair", "merge"])
def test_a_completion_that_is_repeated_after_its_row_was_moved_counts_once(space, job):
    space.fill(range(800, 0, -2), prefix="old-")  # of which prune removes some
    space.complete("given")  # and over 128 KiB follow
    start = space.event("agentExecutionStarted", execution_id="given")
    for number in range(3):
        space.complete(f"large-{number}", prompt="x" * 60_000)
    if job == "repair":
        space.ledger.write_bytes(space.ledger.read_bytes().replace(b"\n", b"\r\n", 300))
    if job == "merge":
        space.run("backup", "create")
    words = {"merge": ["restore", "--yes"], "prune": ["prune", "--yes"]}
    space.run(*words.get(job, [job]))
    space.complete("given")
    assert space.record(start)
    space.complete("given")
    assert space.all_ids()["given"] == 1
    assert not list((space.state / "running").glob("*.json"))


def test_a_row_that_no_rotation_saw_is_not_taken_for_recorded(space):
    space.complete("lost")
    space.ledger.write_bytes(HEADER)  # as a power loss without fsync leaves it
    space.complete("other")
    rotated(space)
    space.complete("lost")
    assert space.all_ids() == Counter(["other", "lost"])


def test_what_waits_is_recorded_before_a_rotation_and_nothing_is_recorded_again_after_it(space):
    for number in range(3):
        space.complete(f"e{number}")
    event = space.event("agentExecutionStarted", execution_id="e1")
    space.record(event)  # as if the row of e1 were written and its start had stayed open
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="e2"))
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="new"))
    rotated(space)
    assert not space.spooled()
    assert not list((space.state / "running").glob("*.json"))
    space.complete("e9")
    assert space.all_ids() == Counter(["e0", "e1", "e2", "new", "e9"])


def test_without_settling_a_rotation_would_let_a_row_be_recorded_twice(space):
    # The control: the same with the plain lock.
    space.complete("e1")
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="e1"))
    space.record(space.event("agentExecutionStarted", execution_id="e1"))
    os.rename(space.ledger, space.kiro / "token_transactions_20260101.csv")
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="e1"))
    space.tracker.drain()
    assert space.all_ids()["e1"] > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "days_ago", "wanted"),
    [
        ({"rotate_max_mb": 1}, [1], ""),
        ({"rotate_max_mb": 1}, [1] * 15000, "larger than 1 MB"),
        ({"rotate_max_mb": 0}, [1] * 15000, ""),
        ({"rotate_monthly": True}, [40, 1], "its first row is from "),
        ({"rotate_monthly": False}, [40, 1], ""),
    ],
)
def test_size_and_month_make_a_rotation_due(tmp_path, config, days_ago, wanted):
    space = Maintained(tmp_path, backup_enabled=False, **config)
    space.fill(days_ago)
    done = run_due(space.paths, space.config, space.environ)
    assert len(done) == bool(wanted)
    assert wanted in "".join(done)
    assert bool(space.names(f"token_transactions_{TODAY}")) == bool(wanted)


def test_a_first_row_without_a_readable_time_does_not_end_monthly_rotation(tmp_path):
    space = Maintained(tmp_path, backup_enabled=False, rotate_monthly=True)
    space.fill([40, 1])
    lines = space.ledger.read_bytes().removeprefix(HEADER)
    bad = b"never,p,1,,,w,agentExecutionCompleted,x2,,h,false,\n"
    space.ledger.write_bytes(HEADER + b"?\n" + bad + lines)
    (done,) = run_due(space.paths, space.config, space.environ)
    assert "its first row is from " in done


@posix_only
def test_a_rotation_on_a_full_disk_says_that_it_was_done(space):
    import resource

    space.fill([2, 1])
    before = space.all_ids()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with space.lock_drained() as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            assert rotation.rotate(ledger, now_us()) == f"token_transactions_{TODAY}.csv"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert space.ledger.read_bytes() == b""
    os.utime(space.ledger, (2e9, 2e9))
    assert run_due(space.paths, space.config, space.environ) == []
    assert "has no rows" in space.run("backup", "create", code=1)
    assert space.names("token_transactions_backup_") == []
    os.utime(space.ledger)
    space.complete("next")
    assert space.all_ids() == before + Counter(["next"])


def test_a_lock_that_is_held_is_waited_for_once(tmp_path):
    space = Maintained(tmp_path, file_lock_timeout_seconds=1.0)
    space.fill([1])
    ended = threading.Event()

    def lock_ledger():
        with space.locked():
            held.set()
            ended.wait(1.6)  # longer than the timeout, shorter than twice of it

    held = threading.Event()
    holder = threading.Thread(target=lock_ledger)
    holder.start()
    held.wait()
    try:
        with pytest.raises(FileSystemError, match="holds the lock"), space.lock_drained():
            pass
    finally:
        ended.set()
        holder.join()


def test_archives_are_compressed_and_read_like_plain_ones(tmp_path):
    space = Maintained(tmp_path, compression_enabled=True, backup_enabled=False)
    space.fill([3], name="token_transactions_20260101.csv")
    plain = space.read("token_transactions_20260101.csv")
    done = run_due(space.paths, space.config, space.environ)
    assert len(done) == 2
    path = space.kiro / "token_transactions_20260101.csv.gz"
    assert gzip.decompress(path.read_bytes()) == plain
    assert path.stat().st_mode & 0o777 == 0o600
    with open_ledger_file(str(path)) as file:
        assert file.read() == plain
    assert "token_transactions_20260101.csv" not in space.names()


def test_a_half_done_compression_counts_once_and_is_finished(tmp_path):
    space = Maintained(tmp_path, compression_enabled=True, backup_enabled=False)
    space.fill([3], name="token_transactions_20260101.csv")
    plain = space.read("token_transactions_20260101.csv")
    space.write("token_transactions_20260101.csv.gz", plain)
    left = space.kiro / "token_transactions_20260101.csv.gz.0123456789ab.tmp"
    left.write_bytes(b"a killed one's")
    with open_ledger_files(space.paths) as files:
        counts = {name: file.read().count(b"\n") for name, file in files.items()}
    assert counts == {"token_transactions_20260101.csv": 2}
    run_due(space.paths, space.config, space.environ)
    assert space.names() == [
        "token_transactions.csv.lock",
        "token_transactions_20260101.csv.gz",
        "token_usage_20260101.csv.gz",
    ]
    assert space.all_ids() == Counter(["e0"])


def test_a_compressed_file_that_is_no_copy_of_an_archive_is_left_alone(tmp_path):
    space = Maintained(tmp_path, compression_enabled=True, backup_enabled=False)
    space.fill([2, 1])
    space.fill([3], name="token_transactions_20260101.csv")
    mine = {
        "token_transactions.csv.gz": space.ledger.read_bytes(),
        "token_transactions_backup_20260101_000000.csv.gz": b"a backup",
        "token_transactions_20260101.csv.gz": b"something else",
    }
    space.write("token_transactions_backup_20260101_000000.csv", b"a backup")
    for name, data in mine.items():
        space.write(name, data)
    (space.kiro / "token_usage.csv.gz").mkdir()
    (space.kiro / "token_transactions.csv.0123456789ab.tmp").mkdir()
    for command in ("backup create", "rotate", "prune", "repair"):
        space.run(*command.split(), KIRO_TOKEN_TRACKER_COMPRESSION_ENABLED="true")
    assert {name: space.read(name) for name in mine} == mine
    assert "token_transactions_20260101.csv" in space.names()


def test_files_that_only_look_like_archives_are_left_out(space):
    space.fill([1])
    os.mkfifo(space.kiro / "token_transactions_20260101.csv")
    os.symlink(space.ledger, space.kiro / "token_transactions_20260102.csv")
    space.write("token_transactions_notes.csv", b"mine\n")
    with open_ledger_files(space.paths) as files:
        assert list(files) == [space.ledger.name]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_damaged_archive_hides_no_other_and_is_named_with_a_next_step(space, damage):
    for number in (1, 2, 3):
        ids = [f"{number}-{n}" for n in range(3000)]
        space.write(
            f"token_transactions_2026010{number}.csv.gz",
            HEADER
            + b"".join(row(name, now_us(), prompt_text=os.urandom(30).hex()) for name in ids),
        )
    space.fill([1])
    damaged = space.kiro / "token_transactions_20260102.csv.gz"
    data = damaged.read_bytes()
    damaged.write_bytes(data[: len(data) // 2] if damage == "cut" else b"garbage")
    ledger = ledger_totals(own_scope(space.paths, space.environ))
    assert ledger.rows > 6001 + 1000 if damage == "cut" else ledger.rows == 6001
    assert ledger.problem.startswith(f"{damaged}: the archive is damaged")
    assert "tokentrack repair" in ledger.problem
    rows = list(ledger_rows(space.paths))
    assert len([found for found in rows if found.transaction]) == ledger.rows
    assert [found.problem for found in rows if found.problem] == [ledger.problem]
    for command in ("prune", "prune --dry-run"):
        assert f"Error: {damaged}: the archive" in space.run(*command.split(), code=1)
    if damage == "garbage":
        assert f"{damaged}: not a ledger " in space.run("repair", code=1)
        assert damaged.read_bytes() == b"garbage"
    else:
        space.run("repair")
        assert ledger_totals(own_scope(space.paths, space.environ)).problem == ""


def test_an_archive_that_is_no_file_of_ours_hides_no_other(space):
    space.fill([3], name="token_transactions_20260101.csv")
    os.link(space.kiro / "token_transactions_20260101.csv", space.kiro / "other")
    space.fill([1])
    ledger = ledger_totals(own_scope(space.paths, space.environ))
    assert ledger.rows == 1
    named = f"{space.kiro}/token_transactions_20260101.csv: has 2 hard links; it must be"
    assert ledger.problem.startswith(named)
    assert f"Error: {named}" in space.run("prune", code=1)
    assert named in space.run("verify", code=1)


@posix_only
@pytest.mark.skipif(os.name != "nt" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(space):
    space.fill([1])
    space.kiro.chmod(0o500)
    try:
        for command in ("rotate", "backup create"):
            said = space.run(*command.split(), code=1)
            assert str(space.kiro) in said
            assert "check its owner and mode" in said
    finally:
        space.kiro.chmod(0o700)
