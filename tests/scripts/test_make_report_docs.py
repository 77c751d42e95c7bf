"""docs/reports.md and the README show what the commands print, and pandas finds the same."""

import json
import os
import re

import pytest

from support import ROOT
from support.scripts import load

pytestmark = pytest.mark.slow

script = load("make_report_docs")
PAGE = (ROOT / "docs" / "reports.md").read_text("utf-8")
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Of each question: the keys of the first report's rows that pandas has too.
SAME = [
    ("turns", "credits", "seconds"), ("turns", "credits", "seconds"),
    ("turns", "tokens", "seconds"), ("turns", "credits", "cost"),
    ("turns", "tokens", "seconds"), ("turns", "credits"),
]  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return script.Demo(tmp_path_factory.mktemp("demo"))


@pytest.mark.parametrize("path", script.PAGES, ids=lambda path: path.name)
def test_a_page_shows_what_the_commands_print(demo, path):
    page = path.read_text("utf-8")
    assert script.with_output(page, demo) == page, "run scripts/make_report_docs.py"
    assert demo.home.name not in page


def test_a_stale_page_is_found_and_made_again(demo, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(script, "Demo", lambda _: demo)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    page = tmp_path / "reports.md"
    monkeypatch.setattr(script, "PAGES", [page])
    page.write_text(PAGE.replace(" credits ", " gold "), "utf-8")
    monkeypatch.setattr("sys.argv", ["make_report_docs.py", "--check"])
    assert script.main() == 1
    assert capsys.readouterr().out == "reports.md is stale: run scripts/make_report_docs.py\n"
    monkeypatch.setattr("sys.argv", ["make_report_docs.py"])
    assert script.main() == 0
    again = page.read_text("utf-8")
    assert script.with_output(again, demo) == again
    first = re.search(r"^day +turns +credits .*$", PAGE, re.MULTILINE)[0]
    assert first in again
    assert first not in PAGE.replace(" credits ", " gold ")


def reports():
    """Return the first command of each question, without `tokentrack`."""
    parts = PAGE.split("\n### ")
    questions = [part for part in parts if re.match(r"\d\. ", part)]
    return [re.search(r"^\$ tokentrack (report .*)$", part, re.MULTILINE)[1] for part in questions]


def numbers(rows, names):
    """Return the numbers of rows, in any order, rounded as far as floats are right."""
    found = []
    for row in rows:
        values = [row[name]["amount"] if name == "cost" else row[name] for name in names]
        found.append(tuple(round(float(value), 6) for value in values))
    return sorted(found)


def test_pandas_finds_the_same_numbers(demo, monkeypatch, capsys):
    monkeypatch.chdir(demo.home)
    setup, *blocks = FENCE.findall(PAGE)
    assert len(blocks) == len(SAME) == len(reports())
    for block, command, names in zip(blocks, reports(), SAME, strict=True):
        namespace = {}
        exec(setup + block, namespace)
        answer = namespace["answer"].reset_index().to_dict("records")
        rows = json.loads(demo.run(*command.split(), "--json"))["rows"]
        assert numbers(answer_rows(answer, names), names) == numbers(rows, names), command
    assert "of the turns failed" in capsys.readouterr().out


def answer_rows(answer, names):
    # A report has the cost as an object.
    return [
        {name: {"amount": row[name]} if name == "cost" else row[name] for name in names}
        for row in answer
    ]


def test_pandas_is_really_compared(demo):
    rows = json.loads(demo.run("report", "workspace", "--json"))["rows"]
    other = [{**rows[0], "credits": rows[0]["credits"] + "1"}, *rows[1:]]
    changed = [{**rows[0], "turns": rows[0]["turns"] + 1}, *rows[1:]]
    names = ("turns", "credits")
    assert numbers(rows, names) == numbers(rows[::-1], names)
    assert numbers(other, names) == numbers(rows, names), "beyond what a float has"
    assert numbers(changed, names) != numbers(rows, names)


def test_the_clock_of_the_demo_stands_still(demo):
    text = demo.run("overview")
    assert "Fri 27 Nov 2026" in text
    assert demo.run("overview") == text
    assert os.fspath(demo.home) not in text
