"""All of Kiro's files together: every credit once, whatever state the files are in."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from support.kiro_homes import KiroHome, build, write_many
from support.kiro_homes.cli import CliSession
from support.kiro_homes.v1 import V1Session
from tokentrack.kiro import all_sources, cli_database, kiro_files, v1_sessions
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import DUPLICATE, NOT_REGULAR, UNREADABLE, VANISHED, ReadPass

FIELDS = (
    "source", "source_id", "session_id", "workspace", "model", "status", "started_at",
    "ended_at", "prompt",
)  # fmt: skip


def read(home, **options):
    """Return all turns of a home, and what was left out."""
    workspaces = {turn.workspace for turn in home.expected}
    with ReadPass(options.pop("since", None)) as reading:
        paths = KiroPaths(home.environ, "linux")
        return list(all_sources.turns(paths, reading, workspaces=workspaces, **options)), reading


def facts(turn):
    """Return what the expectation has of a turn."""
    number = turn.credits
    exact = None if number is None else Decimal(number)
    return (*(getattr(turn, name) for name in FIELDS), exact)


def total(turns):
    """Return the sum of the credits."""
    return sum((Decimal(turn.credits) for turn in turns if turn.credits), Decimal(0))


@pytest.mark.parametrize("seed", range(5))
def test_every_place_gives_its_turns_once_and_to_the_last_credit(tmp_path, seed):
    home = build(tmp_path, seed)
    turns, reading = read(home)
    assert sorted(map(facts, turns), key=str) == sorted(map(facts, home.expected), key=str)
    assert total(turns) == home.total()
    for workspace in {turn.workspace for turn in turns}:
        assert total(t for t in turns if t.workspace == workspace) == home.total(workspace)
    assert reading.counts == {DUPLICATE: 9, "half-written": 1}


def test_without_looking_for_repetitions_the_total_would_be_wrong(tmp_path):
    # The negative control: each session on its own, so nothing knows of the copies.
    home = build(tmp_path)
    alone = []
    for folder in sorted((home.kiro / "sessions").glob("*/sess_*")):
        name = folder.name
        alone += v1_sessions.last_turns(str(home.kiro / "sessions"), name, 10**6, ReadPass())
    expected = [t for t in home.expected if t.source == "kiro-v1-session"]
    assert total(alone) > sum(t.credits for t in expected if t.credits)


def test_the_generator_is_the_same_for_a_seed_and_differs_for_another(tmp_path):
    first, again, other = (build(tmp_path / n, s) for n, s in (("a", 1), ("b", 1), ("c", 2)))
    assert first.expected == again.expected
    assert first.expected != other.expected


def test_nothing_is_found_in_a_home_without_kiro(tmp_path):
    turns, reading = read(KiroHome(tmp_path))
    assert (turns, reading.counts) == ([], {})


def test_only_the_wanted_sources_are_read(tmp_path):
    home = build(tmp_path)
    turns, _ = read(home, sources=["kiro-ide-storage"])
    assert {turn.source for turn in turns} == {"kiro-ide-storage"}


def test_turns_before_a_time_are_left_out_and_files_before_it_are_not_opened(tmp_path):
    home = KiroHome(tmp_path)
    old, new = V1Session(home), V1Session(home)
    for session, at in ((old, 0), (new, 10**8)):
        home.at += at * 1_000_000
        session.turn([1.0])
    since = home.at - 60_000_000
    os.utime(new.messages, (home.at / 10**6, home.at / 10**6))
    assert [t.source_id for t in read(home, since=since)[0]] == [home.expected[1].source_id]
    old.messages.write_text("usage_summary, but no JSON, and without a line feed")
    os.utime(old.messages, (1, 1))
    turns, reading = read(home, since=since)
    assert (len(turns), reading.counts) == (1, {})


def test_reading_changes_nothing(tmp_path):
    home = build(tmp_path)
    before = state_of(tmp_path)
    read(home)
    assert state_of(tmp_path) == before


def state_of(folder):
    """Return every file with its bytes and its time."""
    paths = [p for p in Path(folder).rglob("*") if p.is_file()]
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in paths}


def test_a_file_that_vanishes_after_it_was_listed_is_noted(tmp_path):
    home = KiroHome(tmp_path)
    sessions = [V1Session(home) for _ in range(3)]
    for session in sessions:
        session.turn([1.0])
    with ReadPass() as reading:
        turns = v1_sessions.turns(str(home.kiro / "sessions"), reading)
        found = [next(turns)]
        sessions[1].messages.unlink()
        found += turns
    assert len(found) == 2
    assert reading.counts == {VANISHED: 1}
    assert reading.examples[0].path == str(sessions[1].messages)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_noted(tmp_path):
    home = KiroHome(tmp_path)
    session = V1Session(home)
    session.turn([1.0])
    session.messages.chmod(0)
    assert read(home)[1].counts == {UNREADABLE: 1}


def test_links_and_pipes_are_not_opened(tmp_path):
    home, elsewhere = KiroHome(tmp_path / "home"), KiroHome(tmp_path / "elsewhere")
    foreign, linked_file = V1Session(elsewhere), CliSession(elsewhere)
    foreign.turn([1.0])
    linked_file.turn([1.0])
    bucket = home.kiro / "sessions" / "b1"
    (bucket / "sess_pipe").mkdir(parents=True)
    os.mkfifo(bucket / "sess_pipe" / "messages.jsonl")
    (bucket / "sess_link").symlink_to(foreign.folder)
    (bucket / "sess_file").mkdir()
    (bucket / "sess_file" / "messages.jsonl").symlink_to(foreign.messages)
    (home.kiro / "sessions" / "cli").mkdir()
    (home.kiro / "sessions" / "cli" / linked_file.path.name).symlink_to(linked_file.path)
    turns, reading = read(home)
    assert turns == []
    assert reading.counts[NOT_REGULAR] == 2
    assert v1_sessions.last_turns(str(home.kiro / "sessions"), "sess_link", 1, reading) == []
    assert kiro_files.open_regular(str(tmp_path), reading) is None


def test_a_home_that_is_a_link_itself_is_read(tmp_path):
    real = KiroHome(tmp_path / "dotfiles")
    V1Session(real).turn([1.0])
    (tmp_path / ".kiro").symlink_to(real.kiro)
    real.environ = {"HOME": str(tmp_path)}
    assert len(read(real)[0]) == 1


PEAK = """
import sys
from pathlib import Path
from tokentrack.kiro import all_sources
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import ReadPass
with ReadPass() as reading:
    turns = all_sources.turns(KiroPaths({"HOME": sys.argv[1]}, "linux"), reading)
    count = len(list(turns)) if sys.argv[2] == "keep" else sum(1 for _ in turns)
status = Path("/proc/self/status").read_text().split()
print(count, status[status.index("VmHWM:") + 1])
"""


def peak_of(home, turns, how="stream"):
    """Return the peak memory of a process that reads all turns, in KiB."""
    command = [sys.executable, "-c", PEAK, str(home), how]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count, peak = map(int, out.split())
    assert count == turns
    return peak


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
@pytest.mark.parametrize("per_session", [100, 10**6])
def test_memory_does_not_grow_with_the_history(tmp_path, per_session):
    small, large = tmp_path / "small", tmp_path / "large"
    write_many(small, 2_000, per_session=per_session, result_bytes=200)
    write_many(large, 20_000, per_session=per_session, result_bytes=200)
    limit = peak_of(small, 2_000) * 1.3
    assert peak_of(large, 20_000) < limit
    # The negative control: a reader that keeps what it read.
    assert peak_of(large, 20_000, "keep") > limit


def test_many_turns_have_the_sum_that_the_generator_says(tmp_path):
    expected = write_many(tmp_path, 500, per_session=40)
    home = KiroHome(tmp_path)
    assert total(read(home)[0]) == expected == Decimal(5 * 4950) / 100


def test_a_database_that_is_none_is_noted(tmp_path):
    path = tmp_path / "data.sqlite3"
    for content in (b"", b"no database at all" * 100):
        path.write_bytes(content)
        reading = ReadPass()
        assert list(cli_database.turns(str(path), reading)) == []
        assert reading.counts == ({UNREADABLE: 1} if content else {})
