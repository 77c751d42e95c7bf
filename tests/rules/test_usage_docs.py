"""The examples of docs/usage.md run, and each name loads only what it needs."""

import json
import re
import subprocess
import sys

import pytest

from support import ROOT
from tokentrack.reports.pricing import PriceTable

PAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(program, home):
    environment = {"HOME": str(home), "USER": "ada", "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_every_snippet_runs(tmp_path, number):
    run(SNIPPETS[number], tmp_path)


def test_the_first_snippet_prints_known_numbers(tmp_path):
    output = run(SNIPPETS[0], tmp_path)
    assert output == "Cost: $0.02\nDisplay: 2.3K tok (400 cached) $0.02\nTotal: 2.3K\n"


def test_the_pages_file_of_prices_is_one(tmp_path):
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "prices.json").write_text(text)
    price = PriceTable.load(tmp_path / "prices.json").price("claude-opus-4.6")
    assert price.to_dict() == {
        "input": 0.005, "output": 0.025, "cached": 0.0005,
        "source": "our contract", "as_of": "2026-10-01",
    }  # fmt: skip


def test_one_name_loads_nothing_that_it_does_not_need(tmp_path):
    program = """
import json, sys
from tokentrack.usage import format_tokens
print(json.dumps([name for name in sys.modules if name.startswith("tokentrack")]))
"""
    assert set(json.loads(run(program, tmp_path))) == {
        "tokentrack",
        "tokentrack.common",
        "tokentrack.errors",
        "tokentrack.common.formatting",
        "tokentrack.usage",
    }
