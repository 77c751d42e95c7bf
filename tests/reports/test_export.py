"""Exports: every record in every format, complete or not at all, and without live formulas."""

import csv
import importlib.util
import json
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.ledgers import Workspace, posix_only, transaction
from support.priced_turns import add_turn
from tokentrack import CSVWriter
from tokentrack.errors import FileSystemError, MissingExtraError, ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.reports.export import FORMATS
from tokentrack.reports.export.extras import load_extra
from tokentrack.reports.export.safe_cells import EXPORT_COLUMNS, safe_cell

HARD = [
    "plain",
    "=1+1",
    "a,b\n'c'\r\n\"d\"",
    "世界 😀\u202e",
    "nul \0 and \ud800",
    "\t=x",
    "",
    "-5",
]
NEEDS = {"excel": "xlsxwriter", "parquet": "duckdb"}


def skip_without(file_format):
    if file_format in NEEDS and importlib.util.find_spec(NEEDS[file_format]) is None:
        pytest.skip(f"{NEEDS[file_format]} is not installed")


@pytest.fixture
def space(tmp_path):
    space = Workspace(tmp_path, durability="none")
    made = [
        transaction(f"exec-{number}", prompt_text=text, file_patterns=["a;b.py", "=c"],
                    elapsed_time=None if number % 2 else 0.25, tokens_used=number)
        for number, text in enumerate(HARD)
    ]  # fmt: skip
    CSVWriter(space.config, paths=space.paths, environ=space.environ).write_transactions_batch(made)
    return space


def prompts(rows):
    return [row["prompt_text"] for row in rows]


def test_json_and_json_lines_are_lossless(space, tmp_path):
    for file_format in ("json", "jsonl"):
        path = tmp_path / "out" / file_format
        assert space.tracker.export_data(path, file_format)
        text = path.read_text(encoding="utf-8")
        rows = json.loads(text) if file_format == "json" else [
            json.loads(line) for line in text.split("\n")[:-1]
        ]  # fmt: skip
        assert prompts(rows) == HARD
        assert tuple(rows[0]) == EXPORT_COLUMNS
        assert (rows[0]["elapsed_time"], rows[1]["elapsed_time"]) == (0.25, None)
        assert rows[0]["file_patterns"] == ["a;b.py", "=c"]
        assert {row["token_basis"] for row in rows} == {"reported"}


def test_csv_is_for_spreadsheets_and_keeps_numbers_as_they_are(space, tmp_path):
    assert space.tracker.export_data(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    escaped = {"=1+1": "'=1+1", "\t=x": "'\t=x", "-5": "'-5", HARD[4]: "nul \0 and \\ud800"}
    assert prompts(rows) == [escaped.get(text, text) for text in HARD]
    assert [row["tokens_used"] for row in rows] == [str(number) for number in range(len(HARD))]
    assert [row["elapsed_time"] for row in rows[:2]] == ["0.25", ""]
    pandas = pytest.importorskip("pandas")  # late: it takes half a second
    assert pandas.read_csv(tmp_path / "out.csv")["tokens_used"].sum() == sum(range(len(HARD)))
    assert HARD[1] in [t.prompt_text for t in space.tracker.get_transaction_history()]


def test_excel_has_dates_numbers_and_no_formula(space, tmp_path):
    skip_without("excel")
    openpyxl = pytest.importorskip("openpyxl")
    assert space.tracker.export_data(tmp_path / "out.xlsx", "excel")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["transactions"]
    cells = {cell.value: index for index, cell in enumerate(sheet[1])}
    assert tuple(cells) == EXPORT_COLUMNS
    assert sheet.max_row == len(HARD) + 1
    assert isinstance(sheet[2][cells["timestamp"]].value, datetime)
    assert (sheet[2][cells["tokens_used"]].value, sheet[3][cells["elapsed_time"]].value) == (
        0,
        None,
    )
    assert sheet[3][cells["prompt_text"]].value == "'=1+1"
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}


def test_excel_cuts_what_a_cell_cannot_hold(tmp_path):
    skip_without("excel")
    openpyxl = pytest.importorskip("openpyxl")
    space = Workspace(tmp_path, max_prompt_length=1_000_000)
    assert space.tracker.record_transaction("w" * 40_000, 1, 0.5)
    assert space.tracker.export_data(tmp_path / "out.xlsx", "excel")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["transactions"]
    text = sheet[2][COLUMNS.index("prompt_text")].value
    assert len(text) <= 32_767
    assert text.endswith("]")


def test_parquet_has_types_and_null_for_the_unknown(space, tmp_path):
    skip_without("parquet")
    import duckdb

    assert space.tracker.export_data(tmp_path / "it's.parquet", "parquet")
    os.rename(tmp_path / "it's.parquet", tmp_path / "out.parquet")
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(
            "SELECT prompt_text, tokens_used, elapsed_time, file_patterns, error_occurred, "
            "epoch_us(timestamp), token_basis FROM read_parquet(?) ORDER BY tokens_used",
            [str(tmp_path / "out.parquet")],
        ).fetchall()
    stored = ["nul \0 and \\ud800" if text == HARD[4] else text for text in HARD]
    assert [row[0] for row in rows] == stored
    at = transaction().timestamp_us
    assert rows[0][1:] == (0, 0.25, ["a;b.py", "=c"], False, at, "reported")
    assert rows[1][2] is None


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_filter_counts_and_an_empty_export_is_a_whole_file(space, tmp_path, file_format):
    skip_without(file_format)
    path = tmp_path / "out"
    assert space.tracker.export_data(path, file_format, {"min_tokens": 10**9})
    assert path.stat().st_size > 0 or file_format == "jsonl"
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []


def test_what_a_number_is_comes_along(tmp_path):
    space = Workspace(tmp_path)
    space.tracker.record_transaction("estimated from this")
    space.tracker.record_transaction("reported", 5, 0.5)
    space.tracker.record_transaction("", elapsed_time=0.5)
    assert space.tracker.export_data(tmp_path / "out.jsonl", "jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["token_basis"] for row in rows] == ["estimated", "reported", "unknown"]


def test_each_row_is_exported_and_an_execution_has_one_basis(tmp_path):
    space = Workspace(tmp_path)
    # Two rows of one execution; its later usage row, which is read first, has the reported number.
    add_turn(space.ledger.parent, "e-1", 2_000_000, "", token_basis="reported", input_tokens="7")
    add_turn(space.ledger.parent, "e-1", 1_000_000, "", token_basis="estimated")
    assert space.tracker.export_data(tmp_path / "out.jsonl", "jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["agent_execution_id"], row["token_basis"]) for row in rows] == (
        [("e-1", "reported")] * 2
    )
    assert space.tracker.get_statistics()["transactions_recorded"] == 1


def test_a_usage_ledger_that_can_not_be_read_is_an_error(tmp_path):
    space = Workspace(tmp_path)
    space.tracker.record_transaction("x", 5)
    usage = space.ledger.with_name("token_usage.csv")
    usage.rename(tmp_path / "elsewhere")
    usage.mkdir()
    with pytest.raises(FileSystemError, match=r"usage ledger .* can't be read"):
        space.tracker.export_data(tmp_path / "out.jsonl", "jsonl")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_disk_that_refuses_leaves_the_old_file_and_is_counted(space, tmp_path, file_format):
    skip_without(file_format)
    (tmp_path / "folder").mkdir()
    tracker = space.tracker
    assert not tracker.export_data(tmp_path / "folder", file_format)
    assert not tracker.export_data(space.ledger / "below-a-file", file_format)
    assert tracker.get_statistics()["errors"]["by_category"] == {"export": 2}
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("path", "file_format", "filters", "named"),
    [
        ("out", "xml", None, "csv, json, jsonl, excel, parquet"),
        ("out", None, None, "unknown format"),
        ("out", "csv", {"colour": 1}, "unknown filter 'colour': use one of start_date"),
        ("", "csv", None, "output_path"),
        (5, "csv", None, "output_path"),
    ],
)
def test_what_the_caller_got_wrong_is_an_error_that_says_what_is_right(
    space, tmp_path, monkeypatch, path, file_format, filters, named
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValidationError, match=named):
        space.tracker.export_data(path, file_format, filters)
    assert sorted(tmp_path.rglob("*")) == before


@posix_only
@pytest.mark.parametrize("name", ["ledger", "usage", "lock"])
def test_an_export_never_replaces_the_ledger(space, tmp_path, name):
    target = getattr(space, name)
    before = target.read_bytes()
    (tmp_path / "link").symlink_to(target)
    for path in (target, tmp_path / "link", space.root / ".kiro" / ".." / ".kiro" / target.name):
        with pytest.raises(ValidationError, match="export to another file"):
            space.tracker.export_data(path)
    assert target.read_bytes() == before


def test_a_missing_extra_is_named_in_one_line():
    with pytest.raises(MissingExtraError) as caught:
        load_extra("package_that_is_nowhere", "excel")
    assert "`python -m pip install package_that_is_nowhere`" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("", ""), ("plain", "plain"), ("a=b", "a=b"), ("'=1", "'=1"), ("5", "5"),
        *[(f"{start}x", f"'{start}x") for start in "=+-@\t\r\n＝＋－＠"],  # noqa: RUF001
        (" =x", "' =x"), ("\0=x", "'\0=x"), ("\ufeff@x", "'\ufeff@x"), ("\u200b+x", "'\u200b+x"),
    ],
)  # fmt: skip
def test_a_text_that_could_run_has_an_apostrophe(text, safe):
    assert safe_cell(text) == safe


@given(st.text())
def test_an_apostrophe_is_all_that_is_ever_added(text):
    assert safe_cell(text) in {text, f"'{text}"}
    assert not safe_cell(text).startswith(tuple("=+-@\t\r\n＝＋－＠"))  # noqa: RUF001


def test_a_time_before_excels_calendar_is_text(tmp_path):
    skip_without("excel")
    openpyxl = pytest.importorskip("openpyxl")
    space = Workspace(tmp_path)
    at = datetime(1066, 10, 14, tzinfo=UTC)
    assert space.tracker.record_transaction(transaction(timestamp=at))
    assert space.tracker.export_data(tmp_path / "out.xlsx", "excel")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["transactions"]
    assert sheet[2][0].value == "1066-10-14T00:00:00.000Z"


def test_a_cr_in_a_text_begins_no_row_and_no_formula(tmp_path, space):
    space.tracker.record_transaction("hello\r=HYPERLINK(1)", 1, 1.0)
    assert space.tracker.export_data(tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert "hello\r=HYPERLINK(1)" in rows[-1]
