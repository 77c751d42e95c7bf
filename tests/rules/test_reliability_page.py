"""Every promise of docs/reliability.md names tests that exist, and so do the other pages."""

import re

from support import ROOT, TESTS

PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def missing(text):
    """Return the files of tests/ and the tests that a page names and that do not exist."""
    found = []
    for name, test in re.findall(r"`?\btests/([\w/]+\.\w+)(?:::(\w+))?", text):
        path = TESTS / name
        if not path.is_file() or (test and f"def {test}(" not in path.read_text("utf-8")):
            found.append("::".join(filter(None, (name, test))))
    return found


def test_every_promise_names_its_tests():
    text = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    promises = re.findall(r"^\| (\d+) \|.*$", text, re.MULTILINE)
    assert promises == [str(number) for number in range(1, 16)]
    assert all("`tests/" in line for line in re.findall(r"^\| \d+ \|.*$", text, re.MULTILINE))


def test_every_test_that_a_page_names_exists():
    assert [name for page in PAGES for name in missing(page.read_text("utf-8"))] == []


def test_a_test_that_does_not_exist_is_found():
    text = "`tests/gone.py::test_a`, `tests/conftest.py::test_b` and tests/conftest.py"
    assert missing(text) == ["gone.py::test_a", "conftest.py::test_b"]
