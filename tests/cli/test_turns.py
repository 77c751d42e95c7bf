"""`tokentrack turns`: every turn once, in every format, at every width, and plain errors."""

import csv
import io
import json
import re
import subprocess
import sys
from decimal import Decimal

import pytest

from support.imported import latest, tokentrack
from support.kiro_homes import build
from support.ledgers import needs_proc
from support.priced_turns import add_turn, add_turns
from tokentrack.reports.render.screen import width_of

HOSTILE = 'red \x1b[31m\x07, right \u202e to left\nsecond line; C:\\new "quoted" \ud83d =1+1'


@pytest.fixture
def imported(machine):
    """Return a machine whose ledger has the turns of a synthetic Kiro home."""
    build(machine.home, 7)
    tokentrack(machine, "import", "--all")
    return machine


def turns(machine, *words, columns=None, code=0):
    env = {"COLUMNS": str(columns)} if columns else {}
    return tokentrack(machine, "turns", *words, code=code, env=env)


def document(machine, *words):
    return json.loads(turns(machine, "--json", *words))


def rows_of(machine, *words):
    return document(machine, *words)["rows"]


def test_every_row_of_the_ledger_is_a_turn_with_its_credits_to_the_last_digit(imported):
    usage = latest(imported.users)
    expected = {
        row["agent_execution_id"]: (
            row["timestamp"], row["prompt_text"].replace("\\n", "\n"),
            usage[row["agent_execution_id"]]["credits"], row["workspace_folder"],
            float(row["elapsed_time"]) if row["elapsed_time"] else None,
        )
        for row in imported.users.rows()
    }  # fmt: skip
    found = rows_of(imported)
    assert len(found) == len(expected) > 20
    assert {
        row["id"]: (row["when"], row["prompt"], row["credits"] or "", row["workspace"] or "",
                    row["seconds"])
        for row in found
    } == expected  # fmt: skip
    assert [row["when"] for row in found] == sorted([row["when"] for row in found], reverse=True)


def test_csv_has_the_same_rows_and_is_never_cut(imported):
    found = list(csv.DictReader(io.StringIO(turns(imported, "--format", "csv"))))
    assert [row["id"] for row in found] == [row["id"] for row in rows_of(imported)]
    assert len(found) > 20
    assert "Zeilen, und Ümlaute" in " ".join([row["prompt"] for row in found])


@pytest.mark.parametrize("sort", ["when", "credits", "time", "tokens", "rate", "-credits"])
def test_the_index_and_the_files_alone_give_the_same_document(imported, sort):
    with_index, alone = (
        document(imported, "--sort", sort, "--since", "all", *more) for more in ([], ["--no-index"])
    )
    assert (with_index["provenance"].pop("source"), alone["provenance"].pop("source")) == (
        "index", "scan",
    )  # fmt: skip
    assert with_index.pop("generated_at")
    assert alone.pop("generated_at")
    assert with_index == alone


def test_the_most_expensive_turn_comes_first_and_unknown_last(imported):
    found = [row["credits"] for row in rows_of(imported, "--sort", "credits", "--since", "all")]
    known = [Decimal(amount) for amount in found if amount is not None]
    assert known == sorted(known, reverse=True)
    assert None in found
    assert found == [*found[: len(known)], *[None] * (len(found) - len(known))]


def test_a_table_shows_twenty_and_says_how_many_more(imported):
    count = len(imported.users.rows())
    text = turns(imported)
    assert f"{count - 20} more turns: -n 0 shows all" in text
    assert "more turn" not in turns(imported, "-n", "0")
    assert len(rows_of(imported, "-n", "3")) == 3


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(imported, columns):
    text = turns(imported, "-n", "0", columns=columns)
    assert all(width_of(line) <= columns for line in text.splitlines())
    plain = turns(imported, "-n", "0", "--ascii", columns=columns)
    assert not set("─·–…") & set(plain)
    assert len(plain.splitlines()) == len(text.splitlines())
    assert len(re.findall(r"^ *[0-9a-f]{8} ", text, re.MULTILINE)) > 10


@pytest.mark.parametrize(("name", "title"), [("credits", "credits"), ("time", "time"),
                                            ("-tokens", "tokens"), ("rate", "rate")])  # fmt: skip
def test_the_column_that_it_is_sorted_by_is_shown_in_any_width(imported, name, title):
    for columns in (40, 60, 80):
        text = turns(imported, "--sort", name, "--since", "all", columns=columns)
        head = text.partition("\n─")[0].splitlines()[-1]
        assert title in head.split(), columns
        assert all(width_of(line) <= columns for line in text.splitlines())


def test_filters_and_grep_keep_the_turns_they_name(imported):
    found = rows_of(imported)
    only = rows_of(imported, "--workspace", "alpha", "--grep", "rename")
    assert only == [
        row for row in found if row["workspace"] == "alpha" and "rename" in row["prompt"]
    ]
    assert only
    assert rows_of(imported, "--grep", "ZEILEN") == []
    assert len(rows_of(imported, "--grep", r"mehrere\nzeilen")) == 1
    assert rows_of(imported, "--failed") == [row for row in found if row["failed"]]


def test_a_hostile_prompt_can_not_steer_the_terminal(machine):
    machine.send("UserPromptSubmit", prompt=HOSTILE)
    machine.send("Stop")
    for words in ([], ["--format", "markdown"]):
        # Markdown has each backslash twice.
        text = turns(machine, *words, columns=200).replace("\\\\", "\\")
        assert "\\x1b[31m\\x07" in text
        assert "\\u202e" in text
        assert not set("\x1b\x07\u202e") & set(text)
    (row,) = rows_of(machine)
    assert row["prompt"] == HOSTILE
    (cells,) = csv.DictReader(io.StringIO(turns(machine, "--format", "csv")))
    assert cells["prompt"] == HOSTILE.replace("\ud83d", "\\ud83d")
    assert len(rows_of(machine, "--grep", "second line; c:")) == 1


def test_a_prompt_that_a_spreadsheet_would_run_is_made_harmless(machine):
    machine.send("UserPromptSubmit", prompt="=1+1")
    machine.send("Stop")
    (cells,) = csv.DictReader(io.StringIO(turns(machine, "--format", "csv")))
    assert cells["prompt"] == "'=1+1"


def test_an_archive_is_read_too(imported):
    before = rows_of(imported)
    tokentrack(imported, "rotate", "--workspace", str(imported.home))
    assert list(imported.users.folder.glob("token_transactions_*.csv*"))
    assert rows_of(imported) == before
    assert rows_of(imported, "--no-index") == before


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--sort", "price"], "can't sort by 'price'"), (["--grep", "("], "not a regular expression"),
     (["--since", "lately"], "since must be a date"), (["--tz", "Mars/Base"], "Mars/Base"),
     (["-n", "-1"], "-1")],
)  # fmt: skip
def test_a_wrong_word_is_named_in_one_line(imported, words, message):
    done = subprocess.run(
        [sys.executable, "-m", "tokentrack", "turns", *words], cwd=imported.root,
        env=imported.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_nothing_found_says_what_to_do_next(machine):
    assert "tokentrack import" in turns(machine)
    assert "tokentrack import" in turns(machine, "--sort", "credits")
    assert document(machine)["rows"] == []


def test_strict_fails_where_a_row_was_skipped(machine):
    machine.send("Stop")
    with (machine.folder / "token_transactions.csv").open("a") as file:
        file.write("a,b\n")
    assert "1 row skipped" in turns(machine)
    assert "1 row skipped" in turns(machine, "--strict", code=1)
    assert len(rows_of(machine)) == 1


def test_asking_changes_no_file_of_the_workspace(machine):
    machine.send("Stop")
    before = {p: p.stat().st_mtime_ns for p in machine.root.rglob("*")}
    turns(machine)
    turns(machine, "--no-index", "--grep", "x")
    assert {p: p.stat().st_mtime_ns for p in machine.root.rglob("*")} == before


def test_json_that_is_printed_row_by_row_is_the_usual_document(machine):
    for number in range(3):
        add_turn(machine.folder, f"e-{number}", 1_760_000_000_000_000 + number, "0.5",
                 prompt_text='a "b"\n  "rows": []')  # fmt: skip
    for words in ((), ("--since", "today"), ("-n", "1")):
        text = tokentrack(machine, "turns", "--json", *words)
        assert text == json.dumps(json.loads(text), indent=2) + "\n"
        assert list(json.loads(text)) == [
            "schema_version", "command", "generated_at", "query", "rows", "total", "provenance",
        ]  # fmt: skip


@needs_proc
@pytest.mark.slow
def test_the_memory_of_json_and_csv_does_not_depend_on_the_number_of_turns(machine):
    peaks = {}
    for count in (60_000, 120_000):
        turns_ = [(f"e-{n}", 1_760_000_000_000_000 + n) for n in range(count - 60_000, count)]
        add_turns(machine.folder, turns_, "0.5", prompt_text="p" * 300)
        tokentrack(machine)
        for form in ("json", "csv"):
            command = [sys.executable, "-c", _PEAK, form]
            done = subprocess.run(command, env=machine.environment, cwd=machine.root, check=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
            peaks[form, count] = int(done.stderr)
    for form in ("json", "csv"):
        assert peaks[form, 120_000] < 1.1 * peaks[form, 60_000]


_PEAK = """
import sys
sys.argv = ["tokentrack", "turns", "--format", sys.argv[1]]
from tokentrack.__main__ import main
try:
    main()
except SystemExit:
    pass
with open("/proc/self/status") as file:
    (line,) = [line for line in file if line.startswith("VmHWM")]
print(line.split()[1], file=sys.stderr)
"""
