"""CSV and Excel files of tracked requests."""

import csv
import stat
import sys

import pytest

from support.usage_fixtures import MODEL, rows_of
from tokentrack.errors import FileSystemError, TokenTrackError, ValidationError
from tokentrack.usage import UsageTracker

FORMULA = "=1+1"


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "ada")
    opened = UsageTracker(tmp_path / "token_usage.csv")
    opened.track_request(FORMULA, MODEL, 2000, 1000, 800)
    opened.track_request("b,c", "mystery", 1, 1)
    return opened


def test_sessions_as_csv(tmp_path, tracker):
    path = tmp_path / "out.csv"
    tracker.export_csv(path)
    first, second = rows_of(path)
    assert (first["session_id"], first["cost_usd"]) == (f"'{FORMULA}", "0.01884")
    assert (second["session_id"], second["cost_usd"]) == ("b,c", "")
    assert second["unpriced_requests"] == "1"
    assert first["created_at"].endswith("Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_requests_as_csv(tmp_path, tracker):
    tracker.reset_session_usage("b,c")
    tracker.export_csv(tmp_path / "out.csv", "requests")
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["total_tokens"], row["user"]) for row in rows] == [("3000", "ada"), ("2", "ada")]
    assert rows[0]["price_source"] == f"{MODEL}: Anthropic's list price, 2026-11-21"
    assert "'mystery' has no price" in rows[1]["price_source"]


def test_excel(tmp_path, tracker):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "out.xlsx"
    tracker.export_excel(path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Sessions", "Requests"]
    cell = book["Sessions"]["A2"]
    assert (cell.value, cell.data_type) == (FORMULA, "s")
    assert book["Sessions"]["H2"].value == 0.01884
    assert book["Sessions"]["H3"].value is None
    assert book["Requests"].max_row == 3


def test_excel_without_the_extra_names_it(tmp_path, tracker, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(TokenTrackError, match="pip install xlsxwriter"):
        tracker.export_excel(tmp_path / "out.xlsx")
    assert not (tmp_path / "out.xlsx").exists()


def test_a_place_that_can_not_be_written_is_one_sentence(tmp_path, tracker):
    with pytest.raises(FileSystemError, match=r"missing/out\.csv can't be written"):
        tracker.export_csv(tmp_path / "missing" / "out.csv")


def test_an_unknown_table_is_refused(tmp_path, tracker):
    with pytest.raises(ValidationError, match="sessions or requests"):
        tracker.export_csv(tmp_path / "out.csv", "days")


def test_lone_surrogates_do_not_stop_an_export(tmp_path, tracker):
    tracker.track_request("\ud800", MODEL, 1, 1)
    tracker.export_csv(tmp_path / "out.csv")
    assert "\\ud800" in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize("start", ["＝1+1", " =1", "\u200b=1", "\r=1"])  # noqa: RUF001
def test_no_hidden_start_of_a_formula_is_exported(tmp_path, tracker, start):
    tracker.track_request(start, MODEL, 1, 1)
    tracker.export_csv(tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert f"'{start}" in [row[0] for row in rows]
