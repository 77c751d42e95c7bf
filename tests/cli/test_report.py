"""`tokentrack report`: the same numbers in every format, at every width, and plain errors."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest

from support import commands
from support.imported import credits_of, tokentrack
from support.kiro_homes import build
from tokentrack.reports.render.measures import MEASURES
from tokentrack.reports.render.screen import width_of

EVERYTHING = ("--since", "all", "--tz", "UTC")


@pytest.fixture
def imported(machine):
    """Return a machine whose ledger has the turns of a synthetic Kiro home."""
    build(machine.home, 7)
    tokentrack(machine, "import", "--all")
    return machine


def report(machine, *words, columns=None, code=0):
    env = {"COLUMNS": str(columns)} if columns else {}
    return tokentrack(machine, "report", *words, code=code, env=env)


def document(machine, *words):
    return json.loads(report(machine, "--json", *words))


def test_every_format_has_the_credits_of_the_ledger_to_the_last_digit(imported):
    expected = credits_of(imported.users)
    assert expected > 1
    found = document(imported, "model", *EVERYTHING)
    assert Decimal(found["total"]["credits"]) == expected
    assert sum(Decimal(row["credits"] or 0) for row in found["rows"]) == expected
    rows = list(
        csv.DictReader(io.StringIO(report(imported, "model", "--format", "csv", *EVERYTHING)))
    )
    assert sum(Decimal(row["credits"] or 0) for row in rows) == expected
    assert f"| {found['total']['credits']} |" in report(
        imported, "model", "--format", "markdown", *EVERYTHING
    )
    assert f"{expected:,.1f}" in report(imported, "model", *EVERYTHING)


def test_the_index_and_the_files_alone_give_the_same_document(imported):
    for words in (["day"], ["workspace", "model"], ["failed", "--sort", "-turns"]):
        with_index, alone = (
            document(imported, *words, *EVERYTHING, *more) for more in ([], ["--no-index"])
        )
        assert (with_index["provenance"].pop("source"), alone["provenance"].pop("source")) == (
            "index", "scan",
        )  # fmt: skip
        assert with_index.pop("generated_at")
        assert alone.pop("generated_at")
        assert with_index == alone


def test_turns_are_counted_by_the_columns_of_the_ledger(imported):
    found = document(imported, "workspace", *EVERYTHING)
    expected = Counter(row["workspace_folder"] or None for row in imported.users.rows())
    assert {row["workspace"]: row["turns"] for row in found["rows"]} == expected
    assert found["query"]["by"] == ["workspace"]
    assert found["schema_version"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("words", [["day"], ["workspace", "model"], ["message", "--failed"]])
def test_no_line_is_wider_than_the_terminal(imported, columns, words):
    text = report(imported, *words, *EVERYTHING, columns=columns)
    assert all(width_of(line) <= columns for line in text.splitlines())
    plain = report(imported, *words, *EVERYTHING, "--ascii", columns=columns)
    assert not set("█▏─·–…") & set(plain)
    assert len(plain.splitlines()) == len(text.splitlines())


def test_a_filter_keeps_and_excludes(imported):
    everything = document(imported, "model", *EVERYTHING)
    (first, *_) = [row for row in everything["rows"] if row["model"]]
    only = document(imported, "model", "--model", first["model"], *EVERYTHING)
    others = document(imported, "model", "--model", f"!{first['model']}", *EVERYTHING)
    assert only["rows"] == [first]
    assert only["query"]["filters"] == {"model": [first["model"]]}
    assert others["total"]["turns"] == everything["total"]["turns"] - first["turns"]


def test_a_limit_cuts_the_rows_and_not_the_total(imported):
    text = report(imported, "session", "-n", "1", *EVERYTHING)
    assert "-n 0 shows all" in text
    found = document(imported, "session", "-n", "1", *EVERYTHING)
    assert len(found["rows"]) == 1
    assert found["total"]["turns"] == len(imported.users.rows())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [(["modle"], "did you mean 'model'?"), (["--show", "turn"], "unknown column 'turn'"),
     (["--since", "lately"], "since must be a date"), (["--sort", "price"], "can't sort by"),
     (["--tz", "Mars/Base"], "Mars/Base"), (["day", "week", "month", "hour"], "different")],
)  # fmt: skip
def test_a_wrong_word_is_named_in_one_line(imported, words, message):
    done = subprocess.run(
        [sys.executable, "-m", "tokentrack", "report", *words], cwd=imported.root,
        env=imported.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("title", [title for title in MEASURES if title != "cost"])
def test_each_column_can_be_shown(imported, title):
    text = report(imported, "model", "--show", title, "--sort", title, *EVERYTHING)
    assert title in text.splitlines()[2]


def test_the_users_ledger_counts_without_being_registered(imported):
    for file in imported.home.rglob("ledgers/*"):
        file.unlink()
    found = document(imported, *EVERYTHING)
    assert found["total"]["turns"] == len(imported.users.rows())


def test_nothing_found_says_what_to_do_next(machine):
    assert "tokentrack import" in report(machine)
    assert "tokentrack import" in report(machine, "--since", "all")
    assert document(machine)["rows"] == []
    assert not (machine.folder / "token_transactions.csv").exists()


def test_a_ledger_that_is_gone_is_named_in_one_line_and_not_counted(machine, tmp_path):
    machine.send("Stop", "one")
    other = tmp_path / "a-workspace-with-a-long-name" / "that-is-gone"
    (other / ".kiro").mkdir(parents=True)
    machine.hook({"hook_event_name": "Stop", "session_id": "two", "cwd": str(other)})
    assert document(machine)["total"]["turns"] == 2
    shutil.rmtree(other)
    found = document(machine)
    assert found["total"]["turns"] == 1
    path = str(other / ".kiro" / "token_transactions.csv")
    assert found["provenance"]["unreadable"] == {path: "it is gone"}
    for columns in (60, 200):
        named = [
            line for line in report(machine, columns=columns).splitlines() if "(it is gone)" in line
        ]
        assert len(named) == 1
        assert named[0].startswith("not counted: /")
    assert f"not counted: {path} (it is gone)" in report(machine, columns=200)


def test_a_ledger_that_was_never_there_is_not_gone(machine):
    machine.folder.rmdir()
    for words in (["report"], ["report", "--here"], ["turns", "--here"], ["overview", "--here"]):
        assert "not counted" not in tokentrack(machine, *words)
    assert document(machine, "--here")["provenance"]["unreadable"] == {}


def test_an_answer_without_turns_says_what_could_not_be_read(machine):
    (machine.folder / "token_transactions.csv").write_text("a,b\n")
    for command in ("report", "turns"):
        text = tokentrack(machine, command)
        assert "No turn is recorded yet." in text
        assert "1 row skipped (--json lists them)" in text


def test_strict_fails_where_a_row_was_skipped(machine):
    machine.send("Stop")
    assert report(machine, "--strict")
    with (machine.folder / "token_transactions.csv").open("a") as file:
        file.write("a,b\n")
    assert "1 row skipped" in report(machine)
    assert "1 row skipped" in report(machine, "--strict", code=1)
    for form in ("csv", "markdown"):
        for command in ("report", "turns"):
            done = commands.run([command, "--format", form], machine.root, machine.environment)
            assert "skipped" not in done.stdout
            assert done.stderr == "1 row skipped (--json lists them)\n"
    (skipped,) = document(machine)["provenance"]["skipped"]
    assert skipped["line"] == 3


def test_all_known_workspaces_count_and_here_is_this_one(machine, tmp_path):
    machine.send("Stop", "one")
    other = tmp_path / "other"
    (other / ".kiro").mkdir(parents=True)
    machine.hook({"hook_event_name": "Stop", "session_id": "two", "cwd": str(other)})
    assert document(machine)["total"]["turns"] == 2
    assert document(machine, "--here")["total"]["turns"] == 1


def test_asking_changes_no_file_of_the_workspace(machine):
    machine.send("Stop")
    before = {p: p.stat().st_mtime_ns for p in machine.root.rglob("*")}
    report(machine)
    report(machine, "--no-index")
    assert {p: p.stat().st_mtime_ns for p in machine.root.rglob("*")} == before


def test_a_ledger_that_may_not_be_registered_counts_without_the_index(machine):
    machine.configure(registry_enabled=False)
    machine.send("Stop")
    found = document(machine)
    assert (found["total"]["turns"], found["provenance"]["source"]) == (1, "scan")
    assert not list(machine.home.rglob("index.db"))


def test_a_ledger_that_is_asked_for_the_first_time_is_registered(machine):
    machine.send("Stop")
    for file in machine.home.rglob("ledgers/*"):
        file.unlink()
    assert document(machine)["provenance"]["source"] == "index"
    assert len(list(machine.home.rglob("ledgers/*"))) == 1
