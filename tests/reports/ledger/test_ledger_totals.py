"""The totals of one ledger, for the Python API and `status`."""

import gzip
import os
import random
import time
from decimal import Decimal

import pytest

from support.ledgers import HEADER, Workspace, line_of, transaction
from tokentrack import TokenTracker
from tokentrack.models.usage_record import USAGE_COLUMNS, usage_row
from tokentrack.reports.ledger.ledger_totals import ledger_totals
from tokentrack.reports.scope import own_scope
from tokentrack.store import codec
from tokentrack.store.paths import index_path
from tokentrack.store.registry import register

DAY = 86_400_000_000
USAGE_HEADER = ",".join(USAGE_COLUMNS).encode() + b"\n"
CREDITS = USAGE_COLUMNS.index("credits")


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", backup_enabled=False)


def usage(identity, credit="", at=1_760_000_000_000_000):
    cells = usage_row(identity, at, "", "v1", "auto", {}, "estimated", {})
    cells[CREDITS] = credit
    return codec.encode_line(cells)


def write(space, rows, usages=()):
    space.ledger.write_bytes(HEADER + b"".join(map(line_of, rows)))
    space.usage.write_bytes(USAGE_HEADER + b"".join(usages))


def statistics(space):
    return TokenTracker.for_workspace(str(space.root), space.config, space.environ).get_statistics()


def test_each_execution_counts_once_and_credits_are_exact(space):
    write(
        space,
        [transaction("a", tokens_used=5), transaction("b", error_occurred=True, tokens_used=7),
         transaction("a", tokens_used=5), transaction("c", elapsed_time=None, tokens_used=0)],
        [usage("a"), usage("a", "0.1"), usage("b", "0.200000000000000000001")],
    )  # fmt: skip
    found = statistics(space)
    assert (found["transactions_recorded"], found["ledger_rows"]) == (3, 4)
    assert (found["credits"], found["credits_unknown"]) == ("0.300000000000000000001", 1)
    assert found["credits_failed"] == "0.200000000000000000001"
    assert (found["total_tokens_tracked"], found["average_tokens_per_transaction"]) == (12, 4)
    assert found["token_basis"] == {"reported": 0, "estimated": 2, "unknown": 1}
    assert (found["total_elapsed_time"], found["average_elapsed_time"]) == (3.0, 1.5)
    assert (found["transactions_with_errors"], found["error_rate"]) == (1, 1 / 3)


def test_unknown_credits_and_tokens_are_none_and_not_0(space):
    write(space, [transaction("a", tokens_used=0, elapsed_time=None)])
    found = statistics(space)
    assert (found["transactions_recorded"], found["credits_unknown"]) == (1, 1)
    unknown = ("credits", "total_tokens_tracked", "average_tokens_per_transaction",
               "total_elapsed_time", "average_elapsed_time")  # fmt: skip
    assert [found[name] for name in unknown] == [None] * 5


def test_archives_count_and_other_ledgers_do_not(space, tmp_path):
    write(space, [transaction("a")], [usage("a", "1")])
    packed = gzip.compress(HEADER + line_of(transaction("old", timestamp=DAY)))
    (space.kiro / "token_transactions_20260101.csv.gz").write_bytes(packed)
    other = Workspace(tmp_path / "other")
    write(other, [transaction("a"), transaction("b")], [usage("a", "1"), usage("b", "2")])
    for ledger in (space, other):
        assert register(ledger.paths, space.environ)
    found = statistics(space)
    assert (found["transactions_recorded"], found["credits"]) == (2, "1")
    assert found["first_transaction"].startswith("1970-01-02")
    assert os.path.exists(index_path(space.environ))


@pytest.mark.parametrize("kind", ["registered", "unregistered", "no state folder"])
def test_any_ledger_has_the_same_totals_with_and_without_the_index(space, kind):
    chance = random.Random(kind)
    now = time.time_ns() // 1000
    if kind != "unregistered":
        register(space.paths, space.environ)
    if kind == "no state folder":
        with open(index_path(space.environ), "xb") as file:
            file.write(b"")
        os.unlink(index_path(space.environ))
        os.mkdir(index_path(space.environ))  # in the index's place
    rows, usages = [], []
    for number in range(300):
        identity = f"turn-{chance.randrange(200)}"
        at = now - chance.randrange(400 * DAY) if number % 3 else now - number
        rows.append(transaction(identity, timestamp=at, error_occurred=number % 7 == 0,
                                tokens_used=chance.randrange(9)))  # fmt: skip
        usages.append(usage(identity, chance.choice(("", "1.5", "2E-20", "0.1")), at=now + number))
    write(space, rows, usages)
    scope = own_scope(space.paths, space.environ)
    found = ledger_totals(scope, now=now)
    firsts = {}
    for row in sorted(rows, key=lambda row: row.timestamp_us):
        firsts.setdefault(row.agent_execution_id, row)
    known = {}
    for line in usages:
        identity, credit = (codec.decode_line(line[:-1].decode())[at] for at in (0, CREDITS))
        known |= {identity: Decimal(credit)} if credit else {}
    total = sum(known.get(identity, 0) for identity in firsts)
    assert found.source == ("index" if kind == "registered" else "scan")
    assert (found.total["turns"], found.rows) == (len(firsts), len(rows))
    assert Decimal(found.total["credits"]) == total
    assert found.total["credits_unknown"] == len(firsts.keys() - known.keys())
    assert found.total["failed"] == sum(row.error_occurred for row in firsts.values())
    times = [row.timestamp_us for row in firsts.values()]
    assert (found.first, found.last) == (min(times), max(times))
    today = time.localtime(now / 1e6)[:3]
    assert found.today["turns"] == sum(time.localtime(at / 1e6)[:3] == today for at in times)


def test_a_damaged_line_is_named_and_a_file_that_ends_early_is_a_problem(space):
    write(space, [transaction("a")])
    with space.ledger.open("ab") as file:
        file.write(b"junk\n")
    packed = gzip.compress(HEADER + line_of(transaction("old")))[:-9]
    (space.kiro / "token_transactions_20260101.csv.gz").write_bytes(packed)
    found = ledger_totals(own_scope(space.paths, space.environ))
    (line,) = found.damaged
    assert (line["file"], line["line"], found.damaged_count) == ("token_transactions.csv", 3, 1)
    assert "token_transactions_20260101.csv.gz" in found.problem
    assert statistics(space)["damaged_rows"] == 1
