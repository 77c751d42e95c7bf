"""Retention: prune removes what is expired, asks first, and never trusts an implausible clock."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import at_most
from support.ledgers import HEADER, posix_only
from support.maintained import DAY, USAGE_HEADER, Maintained, row, usage_line
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance.lines import earliest_and_latest
from tokentrack.maintenance.retention import RELEASED_US, plan_prune, prune, reason_to_distrust
from tokentrack.maintenance.schedule import run_due


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


def steady(space):
    """Fill a ledger with one expired row and 17 that are not."""
    space.fill([370, *range(340, 0, -20)])


def pruned(space, now=None, **options):
    with space.lock_drained() as ledger:
        days = space.config.retention_days
        plan = plan_prune(ledger.folder, space.paths, days, now or now_us(), **options)
        prune(ledger, plan)
    return plan


def test_only_expired_rows_go_and_their_usage_rows_with_them(space):
    space.fill([600, 500], prefix="old", name="token_transactions_20240101.csv")
    space.fill([390, 360], prefix="mixed", name="token_transactions_20250101.csv.gz")
    space.fill([366, 364, 1], prefix="e")
    space.fill(range(340, 0, -20), prefix="s", name="token_transactions_20250102.csv")
    since = [f"s{n}" for n in range(17)]
    said = space.run("prune", "--dry-run")
    assert "would remove token_transactions_20240101.csv with all its 2 rows" in said
    assert len(space.all_ids()) == 7 + len(since)
    space.run("prune", "--yes")
    assert space.all_ids() == space.all_usage() == Counter(["mixed1", "e1", "e2", *since])
    assert "token_transactions_20240101.csv" not in space.names()
    assert "token_usage_20240101.csv" not in space.names()
    assert (space.kiro / "token_transactions_20250101.csv.gz").stat().st_mode & 0o777 == 0o600
    assert "nothing to remove" in space.run("prune")


def test_what_cannot_be_read_stays(space):
    steady(space)
    bad = [
        b"2020-13-45T10:00:00.000Z,p,1,,,w,agentExecutionCompleted,x1,,h,false,\n",
        b"never,p,1,,,w,agentExecutionCompleted,x2,,h,false,\n",
        b"2020-01-01T10:00:00.000Z,too few\n",
        b"\xff\xfe\n",
    ]
    with space.ledger.open("ab") as file:
        file.writelines(bad)
    pruned(space)
    data = space.ledger.read_bytes()
    assert all(line in data for line in bad)
    assert data.count(b"\n") == 1 + 17 + len(bad)


def test_an_archive_with_an_unreadable_line_is_not_removed(space):
    steady(space)
    space.write("token_transactions_20200101.csv", HEADER + b"?\n" + row("a", now_us() - 400 * DAY))
    pruned(space)
    assert space.read("token_transactions_20200101.csv") == HEADER + b"?\n"


def test_a_usage_row_without_a_ledger_row_goes_when_it_is_expired_itself(space):
    space.fill([1])
    now = now_us()
    with space.usage.open("ab") as file:
        file.write(usage_line("gone", now - 400 * DAY) + usage_line("later", now - 2 * DAY))
    pruned(space)
    assert space.all_usage() == Counter(["e0", "later"])


@pytest.mark.parametrize(
    ("jump", "words"),
    [
        (-4, "in the future"),
        (+3650, "every row is expired"),
        (+60, "every row is expired"),
    ],
)
def test_a_clock_that_jumped_deletes_nothing(space, jump, words):
    space.config.retention_days = 30
    space.fill([29, 10, 1])
    space.ledger.write_bytes(space.ledger.read_bytes() + row("old", now_us() - 60 * DAY))
    before = space.all_ids()
    with pytest.raises(TokenTrackError, match=words):
        pruned(space, now=now_us() + jump * DAY)
    assert space.all_ids() == before


def test_rows_that_a_jumped_clock_recorded_stop_a_prune_under_the_right_one(space):
    space.fill([500, 20, 10, 1, -3650])
    before = space.all_ids()
    with pytest.raises(TokenTrackError, match="in the future"):
        pruned(space)
    assert space.all_ids() == before
    pruned(space, trust_clock=True)
    assert space.all_ids() == before - Counter(["e0"])


def test_a_file_of_the_future_stops_a_prune(space):
    steady(space)
    future = time.time() + 3 * 24 * 3600
    os.utime(space.ledger, (future, future))
    assert "a file was modified at" in space.run("prune", code=1)


def test_an_idle_ledger_is_pruned_once_the_clock_is_trusted(space):
    space.config.retention_days = 30
    space.fill([100, 90])
    with pytest.raises(TokenTrackError, match="--trust-clock"):
        pruned(space)
    assert pruned(space, trust_clock=True).expired == 2


def test_a_pause_stops_no_prune(space):
    space.fill([500, 100, 1])
    assert pruned(space).expired == 1


def test_a_row_of_a_clock_without_its_battery_stays_until_the_clock_is_trusted(space):
    steady(space)
    for at in (0, 1_735_689_599_999_999):
        space.ledger.write_bytes(space.ledger.read_bytes() + row(f"dead-{at}", at))
        space.usage.write_bytes(space.usage.read_bytes() + usage_line(f"dead-{at}", at))
    space.usage.write_bytes(space.usage.read_bytes() + usage_line("alone", 1))
    assert pruned(space).expired == 1
    assert space.all_ids().total() == 17 + 2
    assert space.all_usage().total() == 17 + 3
    assert pruned(space, trust_clock=True).expired == 2


def test_a_bad_configuration_deletes_nothing(space):
    space.fill([500, 1])
    space.write("token_tracker_config.json", b'{"retention_days": 99999999}')
    assert "fix the configuration" in space.run("prune", code=1)
    assert space.all_ids() == Counter(["e0", "e1"])


@given(
    ages=st.lists(st.integers(-48 * 3600, 900 * 86400), max_size=8),
    zones=st.sampled_from(["Z", "+00:00", "-10:00", "+14:00", ""]),
    days=st.integers(1, 800),
)
def test_no_row_that_is_younger_than_the_retention_ever_counts_as_expired(ages, zones, days):
    now = 1_800_000_000_000_000
    for age in ages:
        at = now - age * 1_000_000
        hours = int(zones[:3]) if zones not in ("Z", "") else 0
        text = format_us(at + hours * 3_600_000_000)[:-1] + zones
        _, latest = earliest_and_latest(text)
        is_expired = latest < now - days * DAY
        assert not (is_expired and age <= days * 86400)
        if zones:
            assert is_expired == (age > days * 86400)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Apia", "UTC"])
def test_a_time_zone_and_its_daylight_saving_change_nothing(space, zone):
    space.config.retention_days = 30
    edge = now_us() - 30 * DAY
    space.write("token_transactions.csv", HEADER + row("in", edge + 120_000_000) +
                row("out", edge - 1) + row("new", now_us()))  # fmt: skip
    space.write("token_usage.csv", USAGE_HEADER)
    space.run("prune", "--yes", TZ=zone, KIRO_TOKEN_TRACKER_RETENTION_DAYS="30")
    assert space.all_ids() == Counter(["in", "new"])


def test_each_reason_to_distrust_the_clock():
    now = 1_800_000_000_000_000
    cutoff = now - 365 * DAY

    def doubt(*, newest=now, modified=now, now=now):
        return reason_to_distrust(now, cutoff, newest, modified)

    assert doubt() == doubt(newest=cutoff) == doubt(newest=None, modified=0) == ""
    assert doubt(newest=now + DAY, modified=now + DAY) == ""  # another zone's local time
    assert doubt(newest=now + DAY + 1).endswith("in the future")
    assert doubt(modified=now + DAY + 1).endswith("in the future")
    assert "every row is expired" in doubt(newest=cutoff - 1)
    assert doubt(now=RELEASED_US, newest=None, modified=0) == ""
    assert "before this program was released" in doubt(now=RELEASED_US - 1)


# --- the plan that is shown is the plan that is carried out ---


def edge(space):
    """Fill a ledger with two expired rows, one that is expired in some time zones, and recent ones.

    Returns the ids that stay.
    """
    space.fill([400, 385, *range(360, 0, -10)])
    local = row("local", now_us() - 365 * DAY - DAY // 2).replace(b"Z,", b",", 1)
    usage = usage_line("local", now_us() - 365 * DAY - DAY // 2)
    space.ledger.write_bytes(space.ledger.read_bytes() + local)
    space.usage.write_bytes(space.usage.read_bytes() + usage)
    return space.all_ids() - Counter(["e0", "e1"])


def test_a_prune_removes_what_its_dry_run_counts_and_a_row_without_a_zone_stays(space):
    staying = edge(space)
    wanted = "remove 2 rows from token_transactions.csv, 37 stay"
    assert f"would {wanted}" in space.run("prune", "--dry-run")
    assert wanted.replace("remove", "removed") in space.run("prune", "--yes")
    assert space.all_ids() == space.all_usage() == staying


AGES = st.integers(0, 800) | st.sampled_from([364.6, 365.4, 366.1])


@settings(max_examples=at_most(40), deadline=None)
@given(st.lists(st.tuples(AGES, st.sampled_from(["Z", "", "+14:00", "?"])), max_size=12))
def test_as_many_rows_are_left_as_the_plan_keeps_each_time(rows):
    with tempfile.TemporaryDirectory() as folder:
        space = Maintained(folder)
        lines = space.fill([0, *[age for age, _ in rows]])
        zoned = [
            line.replace(b"Z,", f"{zone},".encode(), 1)
            for line, (_, zone) in zip(lines[1:], rows, strict=True)
        ]
        space.write("token_transactions_20260101.csv", HEADER + b"".join(zoned[::2]))
        space.write("token_transactions.csv", HEADER + lines[0] + b"".join(zoned[1::2]))
        plan = pruned(space)
        assert space.all_ids().total() == plan.kept == 1 + len(rows) - plan.expired
        assert space.all_usage() == space.all_ids()
        again = pruned(space)
        assert (again.expired, again.kept) == (0, plan.kept)


def answered(space, answer, meanwhile=lambda: None):
    """Run `prune` on a terminal and answer it; return its output."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tokentrack", "prune"], cwd=space.root, env=space.environ,
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as program:  # fmt: skip
        said = ""
        while not said.endswith("]: "):
            said += program.stdout.read(1)
        meanwhile()
        os.write(ours, f"{answer}\n".encode())
        said += program.stdout.read()
    os.close(ours)
    os.close(theirs)
    return said


@posix_only
def test_prune_shows_its_plan_and_asks(space):
    staying = edge(space)
    before = space.all_ids()
    said = answered(space, "n")
    assert "would remove 2 rows from token_transactions.csv, 37 stay" in said
    assert "nothing was changed" in said
    assert space.all_ids() == before
    assert "removed 2 rows from token_transactions.csv, 37 stay" in answered(space, "y")
    assert space.all_ids() == staying


@posix_only
def test_prune_removes_nothing_when_the_plan_changed_while_it_asked(space):
    edge(space)

    def import_old_row():
        with space.ledger.open("ab") as file:
            file.write(row("old", now_us() - 500 * DAY))

    assert "the ledger has changed" in answered(space, "y", import_old_row)
    assert space.all_ids()["e0"] == space.all_ids()["old"] == 1


@posix_only
def test_rows_that_are_recorded_while_prune_asks_are_no_change_of_its_plan(space):
    staying = edge(space)
    said = answered(space, "y", lambda: space.complete("new"))
    assert "removed 2 rows" in said
    assert space.all_ids() == staying + Counter(["new"])


def test_without_a_terminal_prune_shows_its_plan_and_refuses(space):
    edge(space)
    before = space.all_ids()
    said = space.run("prune", code=1)
    assert "would remove 2 rows" in said
    assert "add --yes" in said
    assert space.all_ids() == before
    assert space.names("token_transactions_backup_") == []


def test_due_maintenance_removes_no_row(tmp_path):
    space = Maintained(tmp_path, compression_enabled=True, rotate_monthly=True)
    space.fill([900, 800], prefix="old", name="token_transactions_20240101.csv")
    space.fill([500, 400, 1])
    before = space.all_ids()
    done = " ".join(run_due(space.paths, space.config, space.environ))
    assert [word in done for word in ("rotated", "compressed", "backed up")] == [True, True, False]
    assert space.all_ids() == space.all_usage() == before
