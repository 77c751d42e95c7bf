"""`--file`: the same numbers over any files, without the registry, the index or a lock."""

import gzip
import json
import os
import shutil

import pytest

from support import oracle, oracle_files
from support.imported import tokentrack
from support.ledgers import posix_only
from support.report_changes import ChangingWorld
from support.report_check import numbers, numbers_of
from support.report_world import LEDGER, USAGE
from tokentrack.models.columns import COLUMNS

EVERYTHING = ("--since", "all", "--tz", "UTC", "--json")


@pytest.fixture
def world(tmp_path):
    """Return ledgers with archives, the oldest of which is compressed."""
    made = ChangingWorld(tmp_path / "files", 11)
    for _ in range(9):
        for _ in range(12):
            made.append()
            made.supersede()
            made.duplicate()
            made.track()
        made.rotate()
    for ledger in made.ledgers:
        first = ledger.archives(LEDGER)[0]
        first.with_suffix(".csv.gz").write_bytes(gzip.compress(first.read_bytes()))
        first.unlink()
        made.write(ledger, LEDGER, made.row(made._new_id(), made._time()))
        made.write(ledger, USAGE, made.usage(made._any_id(), made._time()))
    return made


def report(machine, *words, by=("workspace", "failed"), show="turns,rate", **options):
    words = [*map(str, words), "--show", show, *EVERYTHING]
    return json.loads(tokentrack(machine, "report", *by, *words, **options))


def assert_equals(found, world, by=("workspace", "failed")):
    """Compare every row and the total with the oracle's."""
    expected = oracle.report(oracle.executions(world), by, {}, None, None, "UTC")
    assert numbers(found["total"]) == numbers_of(expected.pop(("total",)))
    rows = {}
    for row in found["rows"]:
        key = tuple(row[name] for name in by)
        row["failed"] *= row["turns"]  # whether all of them did, or none
        rows[key] = numbers(row)
    assert rows == {key: numbers_of(row) for key, row in expected.items()}
    assert len(rows) > 1


@pytest.mark.slow
def test_folders_have_all_their_files(machine, world):
    roots = [ledger.folder.parent for ledger in world.ledgers]
    found = report(machine, *[word for root in roots for word in ("--file", root)])
    assert_equals(found, oracle_files.read([ledger.path for ledger in world.ledgers]))
    assert found["provenance"]["source"] == "scan"
    one = world.ledgers[0]
    inside = report(machine, "--file", one.folder)
    assert_equals(inside, oracle_files.read([one.path]))
    assert inside["total"] != found["total"]


@pytest.mark.slow
def test_files_are_those_alone_with_their_usage(machine, world):
    ledger = max(world.ledgers, key=lambda ledger: len(ledger.archives(LEDGER)))
    archives = ledger.archives(LEDGER)
    assert len({path.suffix for path in archives}) == 2
    for chosen in ([archives[0]], [archives[-1]], archives, [*archives, ledger.active(LEDGER)]):
        words = [word for path in reversed(chosen) for word in ("--file", path)]
        assert_equals(
            report(machine, *words), oracle_files.read_files([str(path) for path in chosen])
        )


def test_nothing_is_registered_or_written(machine, world):
    machine.send("Stop")
    before = {path: path.stat().st_mtime_ns for path in machine.home.parent.rglob("*")}
    folder = world.ledgers[0].folder
    for command in (["report", "--json"], ["turns", "--json"], ["overview", "--json"]):
        found = json.loads(tokentrack(machine, *command, "--since", "all", "--file", folder))
        assert found["total"]["turns"] > 10
    assert {path: path.stat().st_mtime_ns for path in machine.home.parent.rglob("*")} == before


def test_show_finds_a_turn_of_the_files_only(machine, world):
    folder = world.ledgers[0].folder
    row = json.loads(tokentrack(machine, "turns", "--json", "--file", folder))["rows"][0]
    shown = json.loads(tokentrack(machine, "show", row["id"], "--json", "--file", folder))
    assert shown["id"] == row["id"]
    assert shown["rows"]
    assert "no turn" in tokentrack(machine, "show", row["id"], code=1)


def test_a_ledger_without_usage_is_named_in_one_line(machine, world, tmp_path):
    alone = shutil.copy(world.ledgers[0].archives(LEDGER)[0], tmp_path / "ann.csv.gz")
    found = report(machine, "--file", alone)
    assert found["total"]["credits"] is None
    assert list(found["provenance"]["unreadable"]) == [str(tmp_path / "ann_usage.csv")]
    text = tokentrack(machine, "report", "--file", alone, "--since", "all", env={"COLUMNS": "200"})
    assert "ann_usage.csv (there is no such file, so credits" in text
    assert "only ann.csv.gz" in text


def test_a_folder_of_backups_is_read_and_backups_next_to_their_ledger_are_not(machine, tmp_path):
    machine.send("Stop", "one")
    tokentrack(machine, "backup", "create")
    backups = tmp_path / "backups"
    backups.mkdir()
    for path in machine.folder.glob("*_backup_*.csv"):
        shutil.copy(path, backups)
    machine.send("Stop", "two")
    assert report(machine, "--file", backups, by=())["total"]["turns"] == 1
    found = report(machine, "--file", machine.root, by=())
    assert found["total"]["turns"] == 2
    assert found["provenance"]["duplicates"] == 0
    both = report(machine, "--file", backups, "--file", machine.root, by=())
    assert both["total"]["turns"] == 2
    assert both["provenance"]["duplicates"] == 1


@posix_only
def test_a_link_that_is_named_is_followed_and_one_inside_a_folder_is_not(machine, tmp_path):
    machine.send("Stop")
    link = tmp_path / "link.csv"
    link.symlink_to(machine.folder / "token_transactions.csv")
    assert report(machine, "--file", link, by=())["total"]["turns"] == 1
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "token_transactions.csv").symlink_to(machine.folder / "token_transactions.csv")
    (trap / ".kiro").symlink_to(machine.folder)
    said = tokentrack(machine, "report", "--file", trap, code=1)
    assert "trap/.kiro can't be read" in said


@pytest.mark.parametrize(("make", "words"), [
    (lambda _path: None, "does not exist"),
    (lambda path: path.mkdir(), "has no ledger: name a ledger"),
    (lambda path: path.write_text("milk\n"), "is not a ledger"),
    (lambda path: path.write_bytes(gzip.compress((",".join(COLUMNS) + "\n").encode())),
     "is compressed: add .gz to its name"),
    (os.mkfifo, "is not a regular file"),
])  # fmt: skip
@posix_only
def test_what_is_not_a_ledger_is_refused_in_one_sentence(machine, tmp_path, make, words):
    path = tmp_path / "odd.csv"
    make(path)
    said = tokentrack(machine, "turns", "--file", path, code=1)
    assert said.count("\n") == 1
    assert f"{path} {words}" in said


def test_here_and_file_exclude_each_other(machine):
    said = tokentrack(machine, "report", "--here", "--file", machine.root, code=2)
    assert "--here and --file exclude each other" in said


def test_a_torn_end_is_named(machine):
    machine.send("Stop")
    path = machine.folder / "token_transactions.csv"
    path.write_bytes(path.read_bytes() * 2)
    path.write_bytes(path.read_bytes()[:-1])
    found = report(machine, "--file", path, by=())
    assert list(found["provenance"]["unreadable"]) == [str(path)]


def test_costs_are_of_the_turns_of_the_files(machine, world):
    tokentrack(machine, "plan", "set", "tiny", "--price", "1", "--credits", "1", "--overage", "9")
    folder = world.ledgers[0].folder
    words = ["--user", "", "--user", "nobody", "--file", folder]
    alone = report(machine, *words, by=(), show="cost")["total"]["cost"]
    other = world.ledgers[1].folder
    more = report(machine, *words, "--file", other, by=(), show="cost")["total"]["cost"]
    assert alone["basis"] == more["basis"] == "plan"
    assert float(more["amount"]) > float(alone["amount"])
