"""Last lines without a line feed: rows that are whole, rows that are torn, and very large ones."""

from __future__ import annotations

import os

import pytest

from support.ledgers import HEADER, Workspace, line_of, posix_only, transaction
from tokentrack import CSVWriter

NEIGHBOUR = line_of(transaction("neighbour"))


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none")


def ids_after(space: Workspace, data: bytes) -> list[str]:
    """Put data in the ledger's place, record an event and return the ledger's ids."""
    space.ledger.write_bytes(data)
    assert space.complete("next")
    return space.ids()


@pytest.mark.parametrize("end", [b"False,", b"False,\r"])
def test_a_seeds_last_row_that_lacks_its_line_break_is_kept(space, end):
    whole = line_of(transaction("unended"))[:-1].replace(b"false,", end)
    before = (HEADER + NEIGHBOUR).replace(b"\n", b"\r\n")
    space.ledger.write_bytes(before + whole)
    assert space.complete("next")
    assert space.ledger.read_bytes().startswith(before + whole + b"\n")
    found = [record.agent_execution_id for record in space.tracker.get_transaction_history()]
    assert sorted(found) == ["neighbour", "next", "unended"]
    assert space.quarantined() == []


@pytest.mark.parametrize("end", [b"True,", b"false", b"fAlse,", b"False,,", b"False,x"])
def test_a_last_row_with_another_end_may_be_torn(space, end):
    torn = line_of(transaction("torn"))[:-1].replace(b"false,", end)
    assert ids_after(space, HEADER + NEIGHBOUR + torn) == ["neighbour", "next"]
    assert space.quarantined() == [torn]


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("before", [HEADER + NEIGHBOUR, b""], ids=["ledger", "no header"])
def test_a_torn_end_too_large_to_copy_becomes_one_line(space, before):
    size = 3 * 10**9
    space.ledger.write_bytes(before)
    os.truncate(space.ledger, size)
    used = space.ledger.stat().st_blocks
    assert space.complete("next")
    assert space.ledger.stat().st_size - size < 2000
    assert space.ledger.stat().st_blocks - used < 100, "the hole is still one"
    assert space.quarantined() == []
    with space.ledger.open("rb") as file:
        file.seek(size)
        assert file.read(1) == b"\n"
        assert b",next," in file.read()
    os.truncate(space.ledger, 0)


def test_a_torn_end_that_can_be_copied_goes_to_quarantine(space):
    torn = b"x" * 2_000_000
    assert ids_after(space, HEADER + NEIGHBOUR + torn) == ["neighbour", "next"]
    assert space.quarantined() == [torn]


def test_readers_see_one_unreadable_line_of_a_large_torn_end(space, monkeypatch):
    monkeypatch.setattr("tokentrack.store.append._MAX_TORN", 1000)
    space.ledger.write_bytes(HEADER + NEIGHBOUR + b"x" * 5000)
    assert space.complete("next")
    found = CSVWriter(space.config, paths=space.paths, environ=space.environ)
    result = found.validate_csv_integrity()
    assert (result["total_rows"], result["valid_rows"], len(result["issues"])) == (3, 2, 1)
