"""The import paths that the pages name are the public ones, and all of them work."""

import importlib
import re
import subprocess
import sys

import pytest

import tokentrack
from support import ROOT

# Programs import these names from here: a change breaks them.
PUBLIC = {
    "tokentrack": tokentrack.__all__,
    "tokentrack.csv_writer": ["CSVWriter"],
    "tokentrack.error_handler": ["Action", "Decision", "ErrorHandler"],
    "tokentrack.errors": ["FileSystemError", "TokenTrackError", "ValidationError"],
    "tokentrack.hook": ["TokenTrackingHook"],
    "tokentrack.metadata_collector": ["MetadataCollector"],
    "tokentrack.models": ["TokenTransaction", "TrackerConfig"],
    "tokentrack.reports": ["Answer", "Query", "query"],
    "tokentrack.tracker": ["TokenTracker"],
    "tokentrack.usage": ["SessionTokenUsage", "TokenUsage", "UsageTracker"],
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STATEMENT = re.compile(r"from (tokentrack[\w.]*) import (\([^)]*\)|[\w, ]+)")


def named_in(text):
    """Yield the module and the name of each import that a page shows."""
    for module, names in STATEMENT.findall(text):
        for name in re.findall(r"\w+", names):
            yield module, name


def missing(wanted):
    """Return the imports that do not work."""
    return [
        f"from {module} import {name}"
        for module, name in wanted
        if not hasattr(_module(module), name)
    ]


def _module(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def test_every_public_name_can_be_imported():
    assert missing((module, name) for module, names in PUBLIC.items() for name in names) == []


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_can_be_the_first_import(module):
    # In a process of its own: an import order that only works in the tests would hide a circle.
    program = f"import {module} as m; [getattr(m, name) for name in {list(PUBLIC[module])}]"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_import_of_a_page_works(page):
    assert missing(named_in(page.read_text("utf-8"))) == []


def test_the_pages_name_the_public_modules():
    named = {module for page in PAGES for module, _ in named_in(page.read_text("utf-8"))}
    assert named >= set(PUBLIC) - {"tokentrack.tracker", "tokentrack.metadata_collector"}


def test_an_import_that_does_not_work_is_found():
    page = "`from tokentrack.hook import Gone`, from tokentrack.gone import (\n    TokenTracker,\n)"
    assert missing(named_in(page)) == [
        "from tokentrack.hook import Gone", "from tokentrack.gone import TokenTracker",
    ]  # fmt: skip
