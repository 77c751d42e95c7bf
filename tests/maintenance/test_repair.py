"""The files that `tokentrack repair` leaves, and the reports of `verify`."""

import os

import pytest

from support.damaged import A, B, C, repaired, sheet
from support.ledgers import AT, HEADER
from support.maintained import USAGE_HEADER, Maintained, row, usage_line
from tokentrack.maintenance.verify import verify
from tokentrack.store import codec


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


def state_of(space):
    found = {}
    for path in sorted(space.root.rglob("*")):
        if path.is_file():
            found[path] = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    return found


def test_repair_keeps_the_original_and_what_it_could_not_read(space):
    data = HEADER + A + b"milk\n" + B + C[:20]
    space.write("token_transactions.csv", data)
    assert "2 records kept, 2 unreadable lines quarantined" in space.run("repair")
    assert space.ledger.read_bytes() == HEADER + A + B
    quarantine = space.state / "quarantine"
    (original,) = quarantine.glob("token_transactions_damaged_????????_??????.csv")
    assert original.read_bytes() == data
    (lines,) = quarantine.glob("*_lines.txt")
    assert lines.read_bytes() == (
        b"line 3: 1 columns instead of 12\nmilk\nline 5: a torn last line\n" + C[:20] + b"\n"
    )
    assert {path.stat().st_mode & 0o777 for path in quarantine.iterdir()} == {0o600}


def test_without_a_ledger_nothing_is_called_healthy(space):
    assert space.run("repair") == "nothing to repair: this workspace has no ledger yet\n"
    space.fill([1])
    assert space.run("repair") == "nothing to repair: every file is healthy\n"  # the control


def test_repair_does_nothing_to_a_healthy_ledger_and_nothing_twice(space):
    space.fill([1, 2])
    before = state_of(space)
    assert "nothing to repair" in space.run("repair")
    assert "healthy" in space.run("verify")
    assert state_of(space) == before
    space.ledger.write_bytes(space.ledger.read_bytes() + b"milk\n")
    space.run("repair")
    before = state_of(space)
    assert repaired(space) == []
    assert {path: kept for path, kept in state_of(space).items() if path in before} == before


@pytest.mark.parametrize("data", [b"milk\nbread\n", b"\x89PNG\r\n\x1a\n\xff", b"name,age\na,1\n"])
def test_repair_leaves_a_file_alone_that_is_no_ledger_and_mends_the_others(space, data):
    space.write("token_transactions.csv", data)
    space.write("token_transactions_20260101.csv", HEADER + A + b"milk\n")
    assert "not a ledger" in space.run("verify", code=1)
    for words in (["repair", "--dry-run"], ["repair"]):
        said = space.run(*words, code=1)
        assert f"{space.ledger}: not a ledger " in said
        assert "move or rename it" in said
    assert space.ledger.read_bytes() == data
    assert space.read("token_transactions_20260101.csv") == HEADER + A


@pytest.mark.parametrize("data", [bytes(500), HEADER[:20], b"\n\n"])
def test_what_is_left_of_a_new_ledger_is_no_foreign_file(space, data):
    space.write("token_transactions.csv", data)
    space.run("repair")
    assert space.ledger.read_bytes() in (HEADER, b"")


def test_a_dry_run_of_repair_writes_nothing(space):
    space.write("token_transactions.csv", HEADER + A + b"milk\n")
    before = state_of(space)
    assert "1 unreadable line would be quarantined" in space.run("repair", "--dry-run")
    assert state_of(space) == before


def test_verify_names_file_line_and_reason_and_exits_with_1(space):
    space.write("token_transactions.csv", HEADER + A + b"milk\n")
    shown = space.run("verify", code=1)
    assert "token_transactions.csv:3: 1 columns instead of 12" in shown
    assert '"line": 3' in space.run("verify", "--json", code=1)


def test_a_damaged_compressed_archive_gives_back_what_it_can(space):
    lines = [row(f"e{n}", AT + n, prompt_text=os.urandom(30).hex()) for n in range(3000)]
    path = space.write("token_transactions_20260101.csv.gz", HEADER + b"".join(lines))
    cut = path.read_bytes()[:-50_000]
    path.write_bytes(cut)
    assert "archive is damaged" in space.run("verify", code=1)
    (file,) = repaired(space)
    assert file.file.found.records > 1000
    kept = space.read(path.name).removeprefix(HEADER).split(b"\n")[:-1]
    assert [line + b"\n" for line in kept] == lines[: len(kept)]
    assert (space.state / "quarantine" / file.original).read_bytes() == cut
    assert repaired(space) == []


def test_a_number_that_a_spreadsheet_shortened_is_marked_as_an_estimate(space):
    space.write("token_usage.csv", USAGE_HEADER + usage_line("c", AT).replace(b"estim", b"report"))
    space.write("token_transactions.csv", sheet(";", [C], tokens_used="1,2E+05"))
    repaired(space)
    last = codec.decode_line(space.usage.read_text().split("\n")[-2])
    assert (last[0], last[10], last[12]) == ("c", "estimated", "rounded-by-spreadsheet")
    assert [row[2] for row in space.rows()] == ["120000"]


def test_an_unfinished_last_line_of_a_writer_is_not_damage_under_the_lock(space):
    space.write("token_transactions.csv", HEADER + A + B[:20])
    with space.open_ledger():
        (file,) = verify(space.paths, type(space.config)(file_lock_timeout_seconds=0.0))
    assert file.found.findings  # the holder did not finish: it is what the file holds


def test_restored_rows_of_one_execution_keep_their_places(space):
    # Rows of one id can stand between others.
    later = [row("a", AT + n, tokens_used=n) for n in range(1, 3)]
    rows = [A, B, later[0], C, later[1]]
    space.write("token_transactions_backup_20260101_000000.csv", HEADER + b"".join(rows))
    space.write("token_transactions.csv", HEADER)
    space.run("restore", "--yes")
    assert space.ledger.read_bytes() == HEADER + b"".join(rows)
