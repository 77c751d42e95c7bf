"""What is read again, and what is not."""

from __future__ import annotations

import gzip
import os
import sqlite3
import stat
import time
from contextlib import closing

import pytest

from support.report_check import Reference, check
from support.report_world import HEADERS, LEDGER, START, USAGE, ReportWorld
from tokentrack.reports.index import database as database_module
from tokentrack.reports.index.database import open_index
from tokentrack.reports.index.tables import VERSION
from tokentrack.reports.zones import Zone

MINUTE = 60_000_000
EVERYTHING = {"by": ["day", "model"], "where": {}, "tz": "UTC", "edges": {}, "whole_days": True}


class Space:
    def __init__(self, folder) -> None:
        self.world = ReportWorld(folder, 7)
        self.index = folder / "state" / "tokentrack" / "index.db"
        self.one, self.two, _ = self.world.ledgers
        for number in range(1, 21):
            ledger = self.one if number % 2 else self.two
            self.add(ledger, f"e-{number}", START + number * MINUTE)
        self.age()

    def add(self, ledger, identity, at, **fields) -> None:
        self.world.write(ledger, USAGE, self.world.usage(identity, at, source_id=""))
        self.world.write(ledger, LEDGER, self.world.row(identity, at, **fields))

    def age(self) -> None:
        """Let all files be older than two seconds."""
        for ledger in self.world.ledgers:
            for path in ledger.files():
                os.utime(path, (1_760_000_000, 1_760_000_000))

    def refresh(self):
        with open_index(str(self.index), self.world.paths, Zone()) as opened:
            return opened.parsed, opened.rebuilt_because, opened.source

    def check(self, asked=EVERYTHING) -> None:
        check(Reference(self.world.paths), self.world.paths, self.index, asked)


@pytest.fixture
def space(tmp_path):
    made = Space(tmp_path)
    assert made.refresh() == (40, "", "index")
    return made


def test_files_that_did_not_change_are_not_read(space, monkeypatch):
    def refuse(*_):
        raise AssertionError("a file was read")

    monkeypatch.setattr(database_module, "begins_with", refuse)
    before = space.index.stat()
    assert space.refresh() == (0, "", "index")
    assert space.index.stat() == before


def test_only_appended_rows_are_read(space):
    space.add(space.one, "e-new", START)
    assert space.refresh() == (2, "", "index")
    space.check()


def test_a_rotated_and_compressed_ledger_is_not_read_again(space):
    for kind in (LEDGER, USAGE):
        space.one.active(kind).rename(space.one.folder / f"{kind}_20260101.csv")
    space.add(space.one, "e-new", START + 3600 * MINUTE)
    assert space.refresh() == (2, "", "index")
    for kind in (LEDGER, USAGE):
        path = space.one.folder / f"{kind}_20260101.csv"
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert space.refresh() == (0, "", "index")
    space.check()


def test_a_renamed_archive_keeps_its_rows(space):
    path = space.one.active(LEDGER)
    path.rename(space.one.folder / f"{LEDGER}_20260101.csv")
    assert space.refresh() == (0, "", "index")
    (space.one.folder / f"{LEDGER}_20260101.csv").rename(
        space.one.folder / f"{LEDGER}_20250101.csv"
    )
    assert space.refresh() == (0, "", "index")
    space.check()


def test_an_archive_that_comes_in_between_is_put_in_its_place(space):
    path = space.one.active(LEDGER)
    row = space.world.row("e-1", START + MINUTE, tokens_used="777", hook_name="")
    (space.one.folder / f"{LEDGER}_20240101.csv").write_bytes(HEADERS[LEDGER] + row)
    parsed, reason, _ = space.refresh()
    assert parsed == 41
    assert "in between" in reason
    assert path.exists()
    space.check()


def _edit(space):
    path = space.one.active(LEDGER)
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(data.index(b"e-11"))
        file.write(b"e-99")


def _delete(space):
    space.one.active(LEDGER).unlink()


def _vanish(space):
    space.one.folder.parent.rename(space.one.hidden)


def _truncate(space):
    os.truncate(space.one.active(USAGE), 500)


@pytest.mark.parametrize("change", [_edit, _delete, _vanish, _truncate])
def test_anything_else_builds_the_index_anew(space, change):
    change(space)
    parsed, reason, source = space.refresh()
    assert parsed > 0
    assert reason
    assert source == "index"
    space.check()


@pytest.mark.parametrize("is_old", [True, False])
def test_an_edit_of_the_same_length_shows_if_the_file_was_young(space, is_old):
    # Within the clock's tick of the last look the status is the same; so it is not trusted.
    space.age()
    space.refresh()
    path = space.one.active(LEDGER)
    if not is_old:
        os.utime(path)
        space.refresh()
    before = path.stat()
    _edit(space)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert space.refresh()[1]  # ctime or the content gives it away


def test_damage_that_more_lines_can_turn_into_a_row_is_looked_at_again(space):
    path = space.one.active(LEDGER)
    row = space.world.row("e-long", START, prompt_text="JOIN", error_message="")
    head, _, tail = row.replace(b"JOIN", b'"two\nlines"').partition(b"\n")
    with path.open("ab") as file:
        file.write(head + b"\n")
    assert space.refresh()[1] == ""
    space.check()
    with path.open("ab") as file:
        file.write(tail)
    assert space.refresh()[1] != ""
    space.check()


def test_the_index_holds_no_prompt_and_is_private(space):
    secret = "the prompt that nobody else may read"
    space.add(space.one, "e-secret", START, prompt_text=secret)
    space.refresh()
    assert secret.encode() not in space.index.read_bytes()
    assert stat.S_IMODE(space.index.stat().st_mode) == 0o600
    assert stat.S_IMODE(space.index.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", [b"not a database at all", b"", b"SQLite format 3\0" + b"x" * 5000]
)
def test_what_is_not_an_index_is_replaced(space, content):
    space.index.write_bytes(content)
    assert space.refresh() == (40, "", "index")
    space.check()


def test_a_database_that_is_cut_off_is_replaced(space):
    os.truncate(space.index, space.index.stat().st_size // 2)
    space.check()
    assert space.refresh() == (0, "", "index")


def test_an_older_version_is_built_anew_and_a_newer_one_is_left_alone(space):
    with closing(sqlite3.connect(space.index)) as database, database:
        database.execute("pragma user_version = 0")
    database.close()
    assert space.refresh() == (40, "", "index")
    with closing(sqlite3.connect(space.index)) as database, database:
        database.execute(f"pragma user_version = {VERSION + 1}")
    database.close()
    before = space.index.read_bytes()
    assert space.refresh() == (40, "", "scan")
    space.check()
    assert space.index.read_bytes() == before


def test_a_folder_that_can_not_be_written_is_no_obstacle(space, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    space.index = blocked / "index.db"
    assert space.refresh() == (40, "", "scan")
    space.check()


def test_a_locked_index_is_not_waited_for(space, monkeypatch):
    monkeypatch.setattr(database_module, "_LEAST_WAIT", 0.01)
    other = sqlite3.connect(space.index, isolation_level=None)
    other.execute("begin exclusive")
    try:
        assert space.refresh() == (40, "", "scan")
        space.check()
    finally:
        other.close()
    assert space.refresh() == (0, "", "index")


def test_an_index_may_be_deleted_at_any_time(space):
    space.index.unlink()
    assert space.refresh() == (40, "", "index")


def test_a_ledger_that_is_not_asked_about_leaves_the_index(space):
    all_ledgers = list(space.world.ledgers)
    space.world.ledgers = all_ledgers[:1]
    assert space.refresh()[0] == 20
    space.check()
    space.world.ledgers = all_ledgers
    assert space.refresh() == (20, "", "index")
    space.check()


def test_a_file_that_can_not_be_opened_is_named_and_the_others_count(space):
    (space.one.folder / f"{LEDGER}_20260101.csv").symlink_to(space.one.active(LEDGER))
    path = space.two.active(LEDGER)
    target = path.rename(path.with_name("elsewhere"))
    path.symlink_to(target)
    with open_index(str(space.index), space.world.paths, Zone()) as opened:
        skipped = opened.database.execute("select line, reason from skipped").fetchall()
    assert [line for line, _ in skipped] == [0]
    assert "is a link" in skipped[0][1]


def test_sums_of_more_than_64_bits_are_exact(space):
    for number in range(3):
        space.add(space.one, f"e-huge-{number}", START, tokens_used=str(2**63 - 1))
        usage = space.world.usage(f"e-huge-{number}", START, input_tokens="", output_tokens="")
        space.world.write(space.one, USAGE, usage)
    for asked in (EVERYTHING, EVERYTHING | {"by": ["session"]}, EVERYTHING | {"by": []}):
        space.check(asked)


@pytest.fixture
def set_zone(monkeypatch):
    def change(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


def test_times_without_a_zone_are_those_of_the_system_now(space, set_zone):
    set_zone("UTC")
    space.add(space.one, "e-local", START)
    data = space.world.row("e-naive", START).replace(b"Z,", b",", 1)
    space.world.write(space.one, LEDGER, data)
    space.age()
    space.refresh()
    space.check()
    assert space.refresh() == (0, "", "index")
    set_zone("America/New_York")
    assert "time zone" in space.refresh()[1]
    space.check()


def test_days_of_another_zone_are_right_before_and_after_the_next_row(space, set_zone):
    set_zone("UTC")
    space.refresh()
    set_zone("Asia/Kolkata")
    kolkata = EVERYTHING | {"tz": "Asia/Kolkata"}
    space.check(kolkata)
    space.add(space.one, "e-new", START)
    space.check(kolkata)
    space.check(EVERYTHING)
    set_zone("UTC")
    space.check(EVERYTHING)


def test_a_usage_row_can_name_an_id_of_an_execution_with_several(space):
    world, at = space.world, START
    first = {"source": "kiro-v1-session", "source_id": "t-1"}
    world.write(space.one, USAGE, world.usage("h-1", at, **first))
    world.write(space.one, LEDGER, world.row("h-1", at), world.row("t-1", at, hook_name="import"))
    space.check(EVERYTHING)
    world.write(space.one, USAGE, world.usage("h-2", at + 1, source="payload", source_id="t-1"))
    space.check(EVERYTHING)


def test_later_rows_of_an_execution_in_several_ledgers_are_followed(space):
    space.add(space.two, "e-1", START + 50 * MINUTE)
    assert space.refresh() == (2, "", "index")
    for ledger in (space.one, space.two):
        later = space.world.usage("e-1", START + 60 * MINUTE, source_id="", credits="2.5")
        space.world.write(ledger, USAGE, later)
        parsed, reason, _ = space.refresh()
        # The second one has the time of the first.
        assert parsed == (1 if ledger is space.one else 44)
        assert ("same time" in reason) == (ledger is space.two)
        space.check()
        for own in space.world.ledgers[:2]:
            check(Reference([own.paths]), space.world.paths, space.index, EVERYTHING, own.paths)
