"""`tokentrack import FILE…`: the ledgers of other instances, each execution once."""

import gzip
import json
import shutil
import subprocess
import sys
from decimal import Decimal

import pytest

from support.imported import summary, tokentrack
from support.kiro import latest
from tokentrack.importing.ledgers import LedgersImport
from tokentrack.models import TrackerConfig
from tokentrack.store.paths import workspace_paths
from tokentrack.tracker import TokenTracker

HEADER = (
    "timestamp,prompt_text,tokens_used,elapsed_time,session_id,workspace_folder,hook_trigger_type,"
    "agent_execution_id,file_patterns,hook_name,error_occurred,error_message"
)
USAGE_HEADER = (
    "agent_execution_id,recorded_at,session_id,surface,model,input_tokens,output_tokens,"
    "cached_tokens,credits,context_percent,token_basis,credits_basis,source,source_id,user,"
    "machine,tags"
)


def row(identity, tokens=5, prompt="p"):
    return (
        f"2026-01-15T10:30:45.123Z,{prompt},{tokens},1.5,s1,ws,agentExecutionCompleted,{identity},,"
        "h,false,"
    )


def usage(identity, credit=""):
    basis = "reported" if credit else "unknown"
    return (
        f"{identity},2026-01-15T10:30:45.123Z,s1,v1,m,,,,{credit},,estimated,{basis},x,,ada,laptop,"
    )


def write(path, header, rows, end="\n", packed=False):
    data = "".join(line + end for line in [header, *rows]).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.fixture
def other(tmp_path):
    return tmp_path / "other"


@pytest.mark.parametrize(("name", "end", "packed"), [
    ("token_transactions.csv", "\n", False),
    ("token_transactions_20260101.csv.gz", "\n", True),
    ("windows.csv", "\r\n", False),
    ("packed-without-saying-so.csv", "\n", True),
])  # fmt: skip
def test_a_ledger_comes_in_whatever_its_packing_and_once(machine, other, name, end, packed):
    path = write(other / name, HEADER, [row("a"), row("b", prompt="é")], end, packed)
    assert summary(machine, path)["added"] == 2
    assert [r["agent_execution_id"] for r in machine.rows()] == ["a", "b"]
    assert {r["token_basis"] for r in machine.usage()} == {"unknown"}, "no one says what it is"
    again = summary(machine, path)
    assert (again["added"], again["skipped"]) == (0, {"already in the ledger": 2})
    assert len(machine.rows()) == len(machine.usage()) == 2


@pytest.mark.parametrize(("name", "beside"), [
    ("token_transactions.csv", "token_usage.csv"),
    ("token_transactions_20260101_2.csv", "token_usage_20260101_2.csv"),
    ("mine.csv", "mine_usage.csv"),
])  # fmt: skip
def test_the_usage_ledger_beside_comes_along_with_its_last_word(machine, other, name, beside):
    path = write(other / name, HEADER, [row("a"), row("b")])
    write(other / beside, USAGE_HEADER, [usage("a"), usage("b", "0.2"), usage("a", "0.1")])
    found = summary(machine, path)
    assert (found["added"], found["credits"]) == (2, "0.3")
    assert latest(machine)["a"]["credits"] == "0.1"
    assert latest(machine)["a"]["user"] == "ada"


def test_credits_that_the_other_ledger_knows_complete_a_row_of_this_one(machine, other):
    first = write(other / "one" / "token_transactions.csv", HEADER, [row("a")])
    second = write(other / "two" / "token_transactions.csv", HEADER, [row("a")])
    write(other / "two" / "token_usage.csv", USAGE_HEADER, [usage("a", "0.1")])
    assert summary(machine, first)["added"] == 1
    found = summary(machine, second)
    assert (found["completed"], found["credits"]) == (1, "0.1")
    assert latest(machine)["a"]["credits"] == "0.1"
    assert summary(machine, second)["completed"] == 0


def test_of_two_records_of_one_execution_the_first_is_kept_and_the_other_listed(machine, other):
    first = write(other / "one.csv", HEADER, [row("a", tokens=1)])
    second = write(other / "two.csv", HEADER, [row("b"), row("a", tokens=2)])
    found = summary(machine, first, second)
    assert found["added"] == 2
    assert found["skipped"] == {"in conflict with the first record of the same execution": 1}
    assert found["conflicts"] == [f"{second}:3: a, differs in tokens_used"]
    assert [r["tokens_used"] for r in machine.rows()] == ["1", "5"]
    third = write(other / "three.csv", HEADER, [row("a", tokens=2, prompt="q")])
    told = tokentrack(machine, "import", str(third))
    where = f"{third}:2: a, differs in prompt_text, tokens_used"
    assert f"conflict, first row kept: {where}" in told
    assert "1 row skipped: in conflict" in told


def test_damaged_rows_are_listed_and_the_others_come_in(machine, other):
    path = write(other / "a.csv", HEADER, [row("a"), "torn,row", row("b", tokens=-1), row("c")])
    found = summary(machine, path)
    assert (found["added"], found["left_out"]) == (2, {"damaged": 2})
    assert [line.split(": ")[0] for line in found["examples"]] == [f"{path}:3", f"{path}:4"]


@pytest.mark.parametrize("bad", ["abc", "sNaN", "NaN", "Infinity", "-5", "1e400", "1e-999999"])
def test_credits_that_are_none_are_listed_and_stay_unknown(machine, other, bad):
    path = write(other / "token_transactions.csv", HEADER, [row("a"), row("b")])
    beside = write(other / "token_usage.csv", USAGE_HEADER, [usage("a", bad), usage("b", "0.2")])
    found = summary(machine, path)
    assert (found["added"], found["credits"], found["left_out"]) == (2, "0.2", {"damaged": 1})
    assert [line.split(": ")[0] for line in found["examples"]] == [f"{beside}:2"]
    stored = latest(machine)["a"]
    assert (stored["credits"], stored["credits_basis"], stored["user"]) == ("", "unknown", "ada")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x1f\x8b broken", b"\x00" * 100])
def test_what_is_no_ledger_is_refused_before_anything_is_written(machine, other, content):
    good = write(other / "good.csv", HEADER, [row("a")])
    bad = other / "bad.csv"
    bad.write_bytes(content)
    assert str(bad) in tokentrack(machine, "import", str(good), str(bad), code=1)
    assert machine.rows() == []


def test_a_ledger_does_not_import_itself(machine, other):
    path = write(other / "a.csv", HEADER, [row("a")])
    tokentrack(machine, "import", str(path))
    own = machine.folder / "token_transactions.csv"
    assert "is the target ledger itself" in tokentrack(machine, "import", str(own), code=1)
    copy = other / "copy.csv"
    shutil.copy(own, copy)
    assert summary(machine, copy)["added"] == 0


def test_a_dry_run_since_and_all(machine, other):
    path = write(other / "a.csv", HEADER, [row("a"), row("b")])
    assert summary(machine, "--dry-run", path)["added"] == 2
    assert machine.rows() == []
    assert summary(machine, "--since", "2027-01-01", path)["skipped"] == {"before --since": 2}
    assert summary(machine, "--all", path)["added"] == 2
    assert (len(machine.rows()), len(machine.users.rows())) == (0, 2)


@pytest.mark.parametrize("arguments", [("--surface", "v1"), ("--all", "--workspace", ".")])
def test_options_that_contradict_each_other_are_refused(machine, other, arguments):
    path = write(other / "a.csv", HEADER, [row("a")])
    tokentrack(machine, "import", *arguments, str(path), code=2)


@pytest.mark.slow
def test_many_rows_of_several_files_add_up(machine, other):
    rows = [row(f"e{n}") for n in range(2500)]
    usages = [usage(f"e{n}", "0.001") for n in range(2500)]
    halves = [rows[:1300], rows[1200:]]
    paths = [write(other / str(n) / "token_transactions.csv", HEADER, half)
             for n, half in enumerate(halves)]  # fmt: skip
    for path in paths:
        write(path.with_name("token_usage.csv"), USAGE_HEADER, usages)
    found = summary(machine, *paths)
    assert (found["added"], Decimal(found["credits"])) == (2500, Decimal("2.5"))
    assert found["skipped"] == {"already in the ledger": 100}


def test_secrets_that_another_instance_stored_are_taken_out_and_rows_known_again(machine, other):
    secret = "ghp_" + "A1b2C3d4" * 5
    rows = [row("e1", prompt=f"use {secret} now"), row("e2")]
    path = write(other / "token_transactions.csv", HEADER, rows)
    write(other / "token_usage.csv", USAGE_HEADER, [usage("e1") + f"k={secret}"])
    assert summary(machine, path)["added"] == 2
    stored = b"".join(file.read_bytes() for file in machine.root.rglob("*") if file.is_file())
    assert secret.encode() not in stored
    assert machine.rows()[0]["prompt_text"] == "use [redacted:github-token] now"
    again = summary(machine, path)
    assert (again["added"], again["conflicts"]) == (0, [])


CUT = [
    (row("b"), ["a", "b"], {}),
    (row("b")[:-8], ["a"], {"damaged": 1}),
    ('2026-01-15T10:30:45.123Z,"it was nev', ["a"], {"damaged": 1}),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("last", "ids", "left_out"), CUT, ids=["whole", "torn", "open quote"])
def test_a_last_row_without_its_line_feed_counts_or_is_listed(
    machine, other, last, ids, left_out, packed
):
    data = "\n".join([HEADER, row("a"), last]).encode()
    path = other / "a.csv"
    other.mkdir()
    path.write_bytes(gzip.compress(data) if packed else data)
    found = summary(machine, path)
    assert [r["agent_execution_id"] for r in machine.rows()] == ids
    assert (found["read"], found["left_out"]) == (2, left_out)
    assert [line.split(": ")[0] for line in found["examples"]] == [f"{path}:3"] * len(left_out)


def test_a_last_usage_row_without_its_line_feed_counts_and_a_bare_header_is_a_ledger(
    machine, other
):
    path = write(other / "token_transactions.csv", HEADER, [row("a")])
    beside = other / "token_usage.csv"
    beside.write_text("\n".join([USAGE_HEADER, usage("a"), usage("a", "0.5")]))
    assert summary(machine, path)["credits"] == "0.5"
    path.write_text(HEADER)
    assert summary(machine, path)["read"] == 0


def test_a_stream_is_refused_in_one_sentence(machine, other):
    path = write(other / "a.csv", HEADER, [row("a")])
    for name in ("/dev/stdin", str(other)):
        result = subprocess.run(
            [sys.executable, "-m", "tokentrack", "import", name], cwd=machine.root,
            env=machine.environment, input=path.read_bytes(), capture_output=True, check=False,
        )  # fmt: skip
        assert result.returncode == 1
        assert b"write the rows to a file first" in result.stderr
    assert machine.rows() == []


def test_text_that_sqlite_would_refuse_comes_in(machine, other):
    # Both are how a ledger writes a lone surrogate and a NUL.
    path = write(other / "token_transactions.csv", HEADER, [row("a\\ud800"), row("b\\0")])
    cells = usage("a\\ud800", "0.5").replace(",v1,", ",v\\ud800,")
    write(other / "token_usage.csv", USAGE_HEADER, [cells])
    found = summary(machine, path)
    assert (found["added"], found["credits"]) == (2, "0.5")
    assert summary(machine, path)["added"] == 0


def test_rows_that_are_not_wanted_show_progress_and_can_be_interrupted(machine, other):
    path = write(other / "a.csv", HEADER, [row(f"e{n}") for n in range(2500)])
    paths, told = workspace_paths(str(machine.root), "new/t.csv"), []
    later = 10**16  # microseconds since the epoch
    wanted = LedgersImport(paths, TrackerConfig(), machine.environment, later)

    def stop(progress):
        told.append(progress.read)
        return False

    assert wanted.run([str(path)], stop).skipped == {"before --since": 1000}
    assert told == [1000]
    assert not (machine.root / "new").exists()


def test_what_stands_before_the_cut_of_a_packed_ledger_comes_in(machine, other):
    whole = gzip.compress(
        "\n".join(
            [HEADER, *(row(f"e{n}", prompt=f"p{n * 7919}") for n in range(2500)), ""]
        ).encode()
    )
    path = other / "token_transactions.csv.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(whole[: len(whole) * 3 // 4])
    found = summary(machine, path)
    assert 1000 < found["added"] < 2500
    assert found["added"] == len(machine.rows())
    assert [line for line in found["examples"] if "end-of-stream" in line]


def test_after_an_import_of_older_rows_the_last_time_is_still_the_latest(machine, other):
    old, newer, new = (f"2026-01-{day}T10:00:00.000Z" for day in (10, 20, 30))
    recorded = [row(name).replace("2026-01-15T10:30:45.123Z", at)
                for name, at in (("b", newer), ("c", new))]  # fmt: skip
    write(machine.root / ".kiro" / "token_transactions.csv", HEADER, recorded)
    imported = row("a").replace("2026-01-15T10:30:45.123Z", old)
    file = write(other / "token_transactions.csv", HEADER, [imported])
    assert summary(machine, file)["added"] == 1
    told = TokenTracker.for_workspace(str(machine.root), TrackerConfig(), {}).get_statistics()
    assert (told["first_transaction"], told["last_transaction"]) == (old, new)
    ledger = json.loads(tokentrack(machine, "status", "--json"))["ledger"]
    assert (ledger["first"], ledger["last"]) == (old, new)
