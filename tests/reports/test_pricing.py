"""The price of a model, and its source."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.reports.pricing import MODEL_PRICING, PriceTable, canonical_model, prices_in_force
from tokentrack.reports.requests.token_usage import TokenUsage


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KIRO_HOME", "TOKENTRACK_PRICES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("model", "rate", "output"),
    [
        ("claude-opus-4.6", 0.015, 0.075),
        ("claude-sonnet-4.5", 0.003, 0.015),
        ("claude-haiku-4.5", 0.001, 0.005),
    ],
)
def test_the_built_in_table_has_sources_and_dates(model, rate, output):
    entry = MODEL_PRICING[model]
    assert (entry["input"], entry["output"]) == (rate, output)
    assert entry["cached"] == pytest.approx(rate / 10)
    assert entry["source"]
    assert datetime.fromisoformat(entry["as_of"])


@pytest.mark.parametrize(
    ("counts", "cost"),
    [
        ((2000, 1000, 0), 0.021),
        ((2000, 1000, 800), 0.01884),
        ((10_000, 5000, 8000), 0.0834),
        ((10_000, 5000, 0), 0.105),
        ((0, 0, 0), 0.0),
    ],
)
def test_costs_of_known_models(counts, cost):
    assert TokenUsage(*counts).calculate_cost("claude-sonnet-4.5") == cost


def test_what_cached_tokens_save():
    prices = PriceTable(extra=False)
    full = prices.cost("claude-sonnet-4.5", 10_000, 5000)
    saved = full - prices.cost("claude-sonnet-4.5", 10_000, 5000, 8000)
    assert (saved, round(saved / full * 100, 1)) == (Decimal("0.0216"), Decimal("20.6"))
    full = prices.cost("claude-sonnet-4.5", 2000, 1000)
    saved = full - prices.cost("claude-sonnet-4.5", 2000, 1000, 800)
    assert (saved, round(saved / full * 100, 1)) == (Decimal("0.00216"), Decimal("10.3"))


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-4-5",
        "Claude-Sonnet-4.5",
        "claude-sonnet-4-5-20250929",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "CLAUDE_SONNET_4_5_20250929_V1_0",
    ],
)
def test_other_spellings_of_a_claude_model(name):
    assert canonical_model(name) == "claude-sonnet-4.5"
    assert PriceTable(extra=False).price(name) is not None


@pytest.mark.parametrize("name", ["claude-opus-4-20250514", "gpt-5", "auto", "", "x\ny"])
def test_other_names_stay_as_they_are(name):
    assert canonical_model(name) == name


def test_an_unknown_model_has_no_cost():
    prices = PriceTable(extra=False)
    assert prices.cost("mystery", 1000, 1000) is None
    assert "'mystery' has no price" in prices.explain("mystery")
    assert TokenUsage(1000, 1000).calculate_cost("mystery") is None


def test_a_program_may_add_a_model(monkeypatch):
    entry = {"input": 1.0, "output": 2.0, "cached": 0.1, "source": "me", "as_of": "2026-01-01"}
    monkeypatch.setitem(MODEL_PRICING, "mine", entry)
    assert TokenUsage(1000, 1000).calculate_cost("mine") == 3.0


def test_the_users_file_overrides_the_table(home):
    write(
        home / ".kiro" / "token_prices.json",
        source="the invoice",
        as_of="2026-10-01",
        per_tokens=1_000_000,
        models={"claude-opus-4.6": {"input": 5, "output": 25}},
    )
    prices = prices_in_force()
    assert prices.cost("claude-opus-4.6", 2000, 1000, 1000) == Decimal("0.0305")
    assert prices.explain("claude-opus-4.6") == "claude-opus-4.6: the invoice, 2026-10-01"
    assert prices.cost("claude-sonnet-4.5", 1000, 0) == Decimal("0.003")


def test_a_price_is_that_of_its_time(tmp_path):
    later = {"from": "2026-06-10", "input": 3, "output": 1}
    path = write(tmp_path / "p.json", models={"m": [{"input": 1, "output": 1}, later],
                                              "new": [later]})  # fmt: skip
    prices = PriceTable.load(path, extra=False)
    days = [datetime(2026, 6, day, tzinfo=UTC) for day in (9, 10)]
    assert [prices.cost("m", 1000, 0, at=day) for day in days] == [1, 3]
    assert [prices.cost("new", 1000, 0, at=day) for day in days] == [None, 3]
    assert (prices.cost("m", 1000, 0), prices.fixed_price("m")) == (3, None)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ([None, "soon"], "must be a date"),
        ([None, 20260610], "must be a date"),
        (["2026-06-10", "2026-06-10"], "must rise"),
        (["2026-06-10", None], "must rise"),
        ([], "at least one price"),
    ],
)
def test_dates_of_prices_that_make_no_sense_are_refused(tmp_path, dates, words):
    entries = [{"input": 1, "output": 1} | ({"from": day} if day else {}) for day in dates]
    with pytest.raises(ValidationError, match=words):
        PriceTable.load(write(tmp_path / "p.json", models={"m": entries}))


def test_a_changed_file_is_read_again(home):
    for rate in (1, 23):
        write(home / ".kiro" / "token_prices.json", models={"m": {"input": rate, "output": 1}})
        assert TokenUsage(1000, 0).calculate_cost("m") == rate


def test_the_environment_names_a_file(tmp_path, monkeypatch):
    path = write(tmp_path / "p.json", models={"m": {"input": 1, "output": 1, "cached": 0}})
    monkeypatch.setenv("TOKENTRACK_PRICES", str(path))
    assert prices_in_force().cost("m", 1000, 0, 1000) == 0
    monkeypatch.setenv("TOKENTRACK_PRICES", str(tmp_path / "missing.json"))
    with pytest.raises(FileSystemError, match="missing"):
        prices_in_force()


def test_all_problems_of_a_file_at_once(tmp_path):
    path = write(
        tmp_path / "p.json",
        per_tokens=7,
        models={
            "a": {"input": -1, "output": float("nan")},
            "b": {"input": True},
            "c": 3,
            "d": {"input": 1, "output": 1, "cached": "0"},
        },
    )
    with pytest.raises(ValidationError) as caught:
        PriceTable.load(path)
    text = str(caught.value)
    assert len(caught.value.issues) == 7
    assert all(part in text for part in ("p.json: per_tokens", "a: input", "c: must", "d: cached"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": 1}', "\udcff"])
def test_a_file_that_is_none_is_one_error(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValidationError, match=r"p\.json"):
        PriceTable.load(path)


def test_genai_prices_knows_other_models():
    pytest.importorskip("genai_prices")
    prices = PriceTable()
    usage = (2000, 1000, 800)
    assert prices.cost("gpt-5", *usage) == Decimal("0.0116")
    assert "genai-prices" in prices.explain("gpt-5")
    assert prices.cost("mystery", *usage) is None
    # The price of the day of the request.
    assert prices.cost("gpt-5", *usage, datetime(2026, 1, 1, tzinfo=UTC)) == Decimal("0.0116")


@pytest.mark.parametrize("model", ["claude-sonnet-4.5", "claude-haiku-4.5"])
def test_the_list_prices_agree_with_genai_prices(model):
    pytest.importorskip("genai_prices")
    other = PriceTable()._ask_extra(model, (2000, 1000, 800), None)
    assert other.total_price == PriceTable(extra=False).cost(model, 2000, 1000, 800)


_WITHOUT_EXTRA = """
import sys
sys.modules["genai_prices"] = None
from tokentrack.reports.pricing import PriceTable
print(PriceTable().cost("gpt-5", 1, 1), PriceTable().explain("gpt-5"))
"""

_KNOWN_MODEL = """
import sys
from tokentrack.usage import TokenUsage
assert TokenUsage(1, 1).calculate_cost("claude-sonnet-4.5")
print("genai_prices" in sys.modules, "xlsxwriter" in sys.modules)
"""


def output(program):
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_without_the_extra_one_line_names_it():
    assert output(_WITHOUT_EXTRA) == (
        "None 'gpt-5' has no price: add it to token_prices.json, "
        "or run `pip install genai-prices` for more prices"
    )


def test_the_extra_is_loaded_only_for_what_the_tables_do_not_know():
    assert output(_KNOWN_MODEL) == "False False"


def test_a_price_of_a_program_needs_only_input_and_output(monkeypatch):
    monkeypatch.setitem(MODEL_PRICING, "mine", {"input": 0.001, "output": 0.002})
    assert PriceTable(extra=False).cost("mine", 2000, 1000, 1000) == Decimal("0.0031")
    assert TokenUsage(2000, 1000, 1000).calculate_cost("mine") == pytest.approx(0.0031)
