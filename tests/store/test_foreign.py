"""Files that a user names become ledgers: which belong together, and what is missing."""

import gzip
import os

import pytest

from support.ledgers import posix_only
from tokentrack.errors import FileSystemError
from tokentrack.models.columns import COLUMNS
from tokentrack.store.foreign import find_named, usage_beside

HEADER = ",".join(COLUMNS) + "\n"


def make(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        text = "agent_execution_id\n" if "usage" in name else HEADER
        data = text.encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def named(*paths):
    found = find_named([str(path) for path in paths], COLUMNS)
    return [(ledger.ledger, [name for _, name in ledger.chosen]) for ledger in found.ledgers]


def test_the_files_of_one_ledger_are_one_in_the_order_of_their_age(tmp_path):
    make(tmp_path, "a.csv", "a_20260102.csv", "a_20251231_2.csv.gz", "a_usage.csv", "b.csv")
    files = [tmp_path / name for name in ("a.csv", "b.csv", "a_20260102.csv")]
    assert named(*files, tmp_path / "a_20251231_2.csv.gz", tmp_path / "b.csv") == [
        ("a.csv", ["a_20251231_2.csv.gz", "a_20260102.csv", "a.csv", "a_usage.csv"]),
        ("b.csv", ["b.csv"]),
    ]


def test_a_folder_has_number_ledgers(tmp_path):
    make(tmp_path, "a.csv", "a_20260102.csv", "a_usage.csv", "token_transactions_20260101.csv.gz")
    make(tmp_path / "below", "c.csv")
    (tmp_path / "notes.csv").write_text("a,b\n")
    assert named(tmp_path) == [("a.csv", []), ("token_transactions.csv", [])]


def test_a_workspace_has_the_ledger_of_its_folder(tmp_path):
    make(tmp_path / ".kiro", "token_transactions.csv")
    assert named(tmp_path) == named(tmp_path / ".kiro") == [("token_transactions.csv", [])]


def test_a_usage_ledger_alone_is_a_ledger_of_requests(tmp_path):
    make(tmp_path, "token_usage.csv")
    found = find_named([str(tmp_path)], COLUMNS)
    assert [ledger.ledger for ledger in found.ledgers] == ["token_transactions.csv"]
    assert found.missing == {}


@pytest.mark.parametrize(("name", "usage"), [
    ("token_transactions.csv", "token_usage.csv"),
    ("token_transactions_20260101.csv.gz", "token_usage_20260101.csv"),
    ("token_transactions_backup_20260101_101010.csv", "token_usage_backup_20260101_101010.csv"),
    ("ann.csv", "ann_usage.csv"),
])  # fmt: skip
def test_a_usage_ledger_is_known_by_its_name(tmp_path, name, usage):
    make(tmp_path, name)
    assert usage_beside(str(tmp_path / name)) == ""
    assert find_named([str(tmp_path / name)], COLUMNS).missing.keys() == {str(tmp_path / usage)}
    make(tmp_path, usage)
    assert usage_beside(str(tmp_path / name)) == str(tmp_path / usage)
    assert find_named([str(tmp_path / name)], COLUMNS).missing == {}


def test_an_empty_file_is_not_a_ledger(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(FileSystemError, match="is not a ledger"):
        find_named([str(tmp_path / "a.csv")], COLUMNS)


def test_no_file_is_read_twice(tmp_path):
    make(tmp_path, "a.csv", "a_20260102.csv", "a_usage.csv")
    whole = [("a.csv", [])]
    names = ("a_20260102.csv", "a.csv", "a.csv")
    assert named(*[tmp_path / name for name in names], tmp_path) == whole
    assert named(tmp_path, tmp_path / ".") == whole
    assert named(tmp_path / "a.csv", tmp_path / "a.csv") == [("a.csv", ["a.csv", "a_usage.csv"])]


@posix_only
def test_a_file_with_two_names_is_refused_and_not_silently_empty(tmp_path):
    make(tmp_path, "a.csv")
    os.link(tmp_path / "a.csv", tmp_path / "b.csv")
    with pytest.raises(FileSystemError, match="has 2 hard links; copy it first"):
        named(tmp_path / "a.csv")
