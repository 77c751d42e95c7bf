"""Backups: made, listed, removed and restored."""

import json
import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from support.ledgers import AT, HEADER, posix_only
from support.maintained import DAY, USAGE_HEADER, Maintained, row, usage_line
from tokentrack.common.timestamps import now_us
from tokentrack.maintenance import backup
from tokentrack.maintenance.restore import plan_restore
from tokentrack.maintenance.schedule import run_due


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


def due(space):
    return run_due(space.paths, space.config, space.environ)


def test_a_backup_has_the_whole_lines_of_both_ledgers(space):
    space.fill([1, 2])
    whole, usage = space.ledger.read_bytes(), space.usage.read_bytes()
    space.ledger.write_bytes(whole + b"2026-01-15T10:30:4")
    assert "backed up to" in space.run("backup", "create")
    (copy,) = space.names("token_transactions_backup_")
    (beside,) = space.names("token_usage_backup_")
    assert (space.read(copy), space.read(beside)) == (whole, usage)
    assert copy.removeprefix("token_transactions") == beside.removeprefix("token_usage")
    assert (space.kiro / copy).stat().st_mode & 0o777 == 0o600
    assert copy in space.run("backup")
    assert f'"name": "{copy}"' in space.run("backup", "list", "--json")


def test_no_backup_overwrites_another(space):
    space.fill([1])
    with space.lock_for_maintenance() as ledger:
        names = {backup.create_backup(ledger) for _ in range(3)}
    assert len(names) == 3
    assert names == set(space.names("token_transactions_backup_"))


def test_without_a_ledger_each_command_says_so_in_one_sentence(tmp_path):
    space = Maintained(tmp_path)
    os.rmdir(space.kiro)
    (space.root / ".git").mkdir()
    for command in ("backup create", "restore", "rotate", "prune", "prune --dry-run"):
        said = space.run(*command.split(), code=1)
        assert said.startswith("Error: there is no ledger at ")
        assert said.count("\n") == 1
    assert "no ledger yet" in space.run("verify")


def test_a_backup_is_made_by_itself_when_the_ledger_changed_since_the_last(space):
    space.config.backup_interval_hours = 24
    assert due(space) == []
    space.fill([1])
    assert [done[:9] for done in due(space)] == ["backed up"]
    assert due(space) == []
    (name,) = space.names("token_transactions_backup_")
    old = time.strftime("%Y%m%d_%H%M%S", time.gmtime(time.time() - 25 * 3600))
    (space.kiro / name).rename(space.kiro / f"token_transactions_backup_{old}.csv")
    assert len(due(space)) == 1
    space.config.backup_enabled = False
    os.utime(space.ledger)
    assert due(space) == []


def test_what_is_due_is_done_along_by_the_commands_but_not_by_a_dry_run(space):
    with_backup(space, [row("new", now_us() - 2 * DAY)], [A, B])
    space.ledger.write_bytes(space.ledger.read_bytes() + b"milk\n")
    for command in ("rotate", "prune", "repair", "restore"):
        space.run(command, "--dry-run")
    assert space.names("token_transactions_backup_") == [NAME]
    space.run("backup", "list")
    space.run("status", code=1)
    assert space.names("token_transactions_backup_") == [NAME], "asking changes nothing"
    for command in ("maintain", "prune", "repair", "restore --yes", "rotate"):
        assert "backed up to" in space.run(*command.split())
        (made,) = set(space.names("token_transactions_backup_")) - {NAME}
        (space.kiro / made).unlink()


def test_a_backup_of_the_future_does_not_end_backups(space):
    space.fill([1])
    space.write("token_transactions_backup_20991231_000000.csv", HEADER)
    assert len(due(space)) == 1


def test_a_backup_of_the_future_counts_for_nothing_and_stays(space):
    space.fill([1])
    future = "token_transactions_backup_20991231_000000.csv"
    space.write(future, HEADER)
    space.write(future.replace("transactions", "usage"), USAGE_HEADER)
    space.config.backup_keep = 1
    assert len(due(space)) == 1
    (made, _) = space.names("token_transactions_backup_")
    assert due(space) == []
    assert space.names("token_transactions_backup_") == [made, future]
    assert len(space.names("token_usage_backup_")) == 2


def test_a_backup_that_the_user_compressed_is_listed_restored_and_never_removed(space):
    with_backup(space, [A], [A, B])
    usage = NAME.replace("transactions", "usage")
    space.write(usage, USAGE_HEADER + usage_line("b", AT))
    for name in (NAME, usage):
        space.write(f"{name}.gz", space.read(name))
        (space.kiro / name).unlink()
    (space.kiro / "token_transactions_backup_20260102_000000.csv").mkdir()
    assert f"{NAME}.gz  2026-01-01T00:00:00.000Z" in space.run("backup")
    space.run("backup", "prune", "--keep", "0", "--yes")
    space.run("restore", "20260101_000000", "--yes")
    assert space.lines() == [A[:-1], B[:-1]]
    assert "b" in space.all_usage()
    assert "nothing to do" in space.run("restore", f"{NAME}.gz")


def test_the_oldest_backups_go_and_the_newest_stay(space):
    space.fill([1])
    names = [f"token_transactions_backup_202601{day:02}_000000.csv" for day in range(1, 6)]
    for name in names:
        space.write(name, HEADER)
        space.write(name.replace("transactions", "usage"), USAGE_HEADER)
    space.write("token_usage_backup_20260201_000000.csv", USAGE_HEADER)
    assert "would remove" in space.run("backup", "prune", "--keep", "2", "--dry-run")
    assert len(space.names("token_transactions_backup_")) == 5
    assert "add --yes" in space.run("backup", "prune", "--keep", "2", code=1)
    assert len(space.names("token_transactions_backup_")) == 5
    assert "removed 7 files" in space.run("backup", "prune", "--keep", "2", "--yes")
    assert space.names("token_transactions_backup_") == names[3:]
    again = space.run("backup", "prune", "--keep", "2")
    assert again == "nothing to remove: 2 or fewer backups exist\n"
    assert space.names("token_usage_backup_") == [
        n.replace("transactions", "usage") for n in names[3:]
    ]
    space.config.backup_keep = 1
    due(space)
    assert len(space.names("token_transactions_backup_")) == 1


# --- restore ---

A, B, C, D = (row(name, AT + n) for n, name in enumerate("abcd"))
NAME = "token_transactions_backup_20260101_000000.csv"


def with_backup(space, held, backed_up, archived=()):
    space.write("token_transactions.csv", HEADER + b"".join(held))
    space.write(NAME, HEADER + b"".join(backed_up))
    if archived:
        space.write("token_transactions_20260102.csv.gz", HEADER + b"".join(archived))


OTHER_A = row("a", AT, tokens_used=99)

MERGES = {
    "lacking rows": ([A], [A, B, C], [], [A, B, C]),
    "all there": ([A, B], [A, B], [], [A, B]),
    "newer rows stay": ([A, D], [A, B], [], [A, D, B]),
    "in an archive": ([C], [A, B], [A], [C, B]),
    "another version stays": ([OTHER_A], [A], [], [OTHER_A]),
    "an id given twice": ([A], [A, OTHER_A], [], [A, OTHER_A]),
    "the same row given twice": ([A], [A, A], [], [A, A]),
    "an empty ledger": ([], [A, B], [], [A, B]),
}


@pytest.mark.parametrize("name", MERGES)
def test_a_merge_adds_what_ledger_and_archives_lack_once(space, name):
    held, backed_up, archived, wanted = MERGES[name]
    with_backup(space, held, backed_up, archived)
    assert "dry run" in (said := space.run("restore", "--dry-run")) or "nothing to do" in said
    assert space.lines() == [line[:-1] for line in held]
    space.run("restore", "--yes")
    assert space.lines() == [line[:-1] for line in wanted]
    assert "nothing to do" in space.run("restore", "--yes")


def test_a_replacement_makes_the_ledger_the_backup_and_keeps_what_it_was(space):
    with_backup(space, [A, D], [A, B, C], [C])
    said = space.run("restore", "20260101_000000", "--replace", "--yes")
    assert "1 row to add" in said
    assert "1 row to remove from the ledger" in said
    assert space.lines() == [A[:-1], B[:-1]]
    assert space.all_ids() == Counter("abc")
    (kept,) = [name for name in space.names("token_transactions_backup_") if "before" in name]
    assert space.read(kept) == HEADER + A + D


def test_a_second_replacement_restores_the_same_backup_again(space):
    with_backup(space, [A], [A, B, C])
    space.run("restore", "--replace", "--yes")
    assert space.lines() == [A[:-1], B[:-1], C[:-1]]
    assert "nothing to do" in space.run("restore", "--replace", "--yes")
    (kept,) = [name for name in space.names("token_transactions_backup_") if "before" in name]
    assert kept.endswith("_before_restore.csv")
    assert space.run("backup").count("(what a restore replaced)") == 1
    found = json.loads(space.run("backup", "list", "--json"))["backups"]
    assert [each["name"] for each in found if each["before_restore"]] == [kept]
    space.run("restore", kept, "--replace", "--yes")  # by its name it undoes the restore
    assert space.lines() == [A[:-1]]


def test_what_restores_replaced_is_no_newest_backup_and_drives_out_no_other(space):
    with_backup(space, [A], [A, B])
    for day in range(2, 6):
        for kind in ("", "_before_restore"):
            space.write(f"token_transactions_backup_2026010{day}_000000{kind}.csv", HEADER + A)
    space.run("backup", "prune", "--keep", "2", "--yes")
    days = [(4, ""), (4, "_before_restore"), (5, ""), (5, "_before_restore")]
    assert space.names("token_transactions_backup_") == [
        f"token_transactions_backup_2026010{day}_000000{kind}.csv" for day, kind in days
    ]
    for day in (4, 5):
        (space.kiro / f"token_transactions_backup_2026010{day}_000000.csv").unlink()
    assert "name one" in space.run("restore", code=1)


@posix_only
def test_a_replacement_that_fails_leaves_no_copy_and_can_be_repeated(space):
    rows = [row(f"e{number}", AT + number) for number in range(600)]
    with_backup(space, rows[:300], rows)
    size = len(b"".join(rows)) // 2  # the copy of the ledger fits, the new ledger does not
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; ulimit -f {size // 1024 + 2}; exec \"$@\"", "-",
         sys.executable, "-m", "tokentrack", "restore", "--replace", "--yes"],
        cwd=space.root, env={**space.environ, "PATH": os.defpath}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert len(space.lines()) == 300
    assert space.names("token_transactions_backup_") == [NAME]
    assert "300 rows to add" in space.run("restore", "--replace", "--yes")
    assert len(space.lines()) == 600


def test_restore_asks_and_without_a_terminal_refuses(space):
    with_backup(space, [A], [A, B])
    assert "add --yes" in space.run("restore", code=1)
    assert space.lines() == [A[:-1]]
    assert "not a backup of this ledger" in space.run("restore", "other.csv", code=1)


def test_usage_rows_come_back_but_never_behind_a_newer_one(space):
    with_backup(space, [A], [A, B])
    old, new = usage_line("a", AT), usage_line("a", AT + 5_000_000)
    space.write("token_usage.csv", USAGE_HEADER + new)
    space.write(NAME.replace("transactions", "usage"), USAGE_HEADER + old + usage_line("b", AT))
    space.run("restore", "--yes")
    assert space.usage.read_bytes() == USAGE_HEADER + new + usage_line("b", AT)


def test_lines_of_a_backup_that_cannot_be_read_stay_there_and_are_counted(space):
    with_backup(space, [], [A, b"milk\n"])
    assert "1 unreadable line of the backup left out" in space.run("restore", "--yes")
    assert space.lines() == [A[:-1]]


def test_a_plan_of_a_restore_writes_nothing(space):
    with_backup(space, [A], [A, B])
    before = space.names()
    with space.paths.open_folder(create=False) as folder:
        plan = plan_restore(folder, space.paths, NAME, replace=False)
    assert (plan.added, plan.lines) == (1, [B])
    assert space.names() == before


def test_a_program_that_records_backs_up_what_is_due_and_looks_once_a_minute(tmp_path):
    space = Maintained(tmp_path, backup_interval_hours=1)
    space.fill([1])
    assert space.tracker.record_transaction("p", 1, 1.0)
    (backup,) = space.names("token_transactions_backup_")
    assert space.read(backup) == space.ledger.read_bytes()
    (space.kiro / backup).unlink()
    assert space.tracker.record_transaction("p", 1, 1.0)
    assert space.names("token_transactions_backup_") == []


def test_the_hook_makes_no_backup(tmp_path):
    space = Maintained(tmp_path, backup_interval_hours=1)
    space.fill([1])
    assert space.complete("e")
    assert space.names("token_transactions_backup_") == []


def test_a_dry_run_makes_no_backup(tmp_path):
    space = Maintained(tmp_path)
    space.fill([1])
    assert "would back up" in space.run("backup", "create", "--dry-run")
    assert space.names("token_transactions_backup_") == []


def test_a_very_long_line_is_backed_up_in_one_pass(tmp_path):
    space = Maintained(tmp_path)
    space.fill([1])
    with space.ledger.open("ab") as file:
        file.write(b"x" * 3_000_000 + b"\ntorn")
    space.run("backup", "create")
    (backup,) = space.names("token_transactions_backup_")
    assert space.read(backup) == space.ledger.read_bytes().removesuffix(b"torn")
