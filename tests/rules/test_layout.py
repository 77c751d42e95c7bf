"""The package stays easy to find one's way in: few entries, few repeated names, short files."""

import ast
from pathlib import Path

import pytest

from support import ROOT
from support.scripts import load

measure_code = load("measure_code")

MOST_ENTRIES = 22
MOST_REPEATED_NAMES = 9
MOST_LINES = 300

# Where everything may be caught, and why.
BROAD_EXCEPTS = {
    "__main__.py: run_hook": "the hook exits with 0, whatever happens",
    "models/rules.py: rule_issues": "a rule is foreign code; its failure is a problem found",
    "kiro/reconcile/fill_in.py: fill_in": "a note that fails is set aside, and costs no other",
    "recorder/drain.py: Drain._take_batch": "an event that fails is set aside, and blocks no other",
    "recorder/drain.py: Drain.finish_interrupted": "a journal that fails must block no event",
    "recorder/executions.py: Executions.apply": "a state file that fails is set aside",
    "recorder/hook_run.py: build_event": "what can't be collected must not cost the event",
    "recorder/hook_run.py: run": "an event that can't be parsed is counted",
    "recorder/recorder.py: Recorder.record": "an event becomes safe here, whatever is wrong below",
    "recorder/recorder.py: Recorder.write": "what follows when the items are safe must not undo it",
    "recorder/rescue.py: _rescue_one": "each further folder may take the event",
    "recorder/rescue.py: count_loss": "each further folder may take the count",
    "recorder/under_lock.py: UnderLock.write": "what follows when the items are safe can wait",
    "recorder/collectors.py: collect_tags": "a collector is foreign code and must not cost a row",
}


@pytest.fixture(scope="module")
def code():
    return measure_code.Code(ROOT)


def checkout(folder, **files):
    """Write a checkout with these modules; `a__b` is a/b.py."""
    for name, source in files.items():
        path = folder / "src" / "tokentrack" / Path(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return measure_code.Code(folder)


def long_without_reason(code):
    """Return the long files whose docstring does not say why they are long."""
    return [
        path.as_posix()
        for path, lines in code.module_lines().items()
        if lines > MOST_LINES and "one file because" not in _flat_docstring(code.trees[path])
    ]


def _flat_docstring(tree):
    return " ".join((ast.get_docstring(tree) or "").lower().split())


def broad_excepts(code):
    return {f"{path.as_posix()}: {name}" for path, name in code.broad_excepts()}


def test_the_root_of_the_package_has_few_entries(code):
    assert len(code.root_entries()) <= MOST_ENTRIES


def test_data_and_caches_are_no_entries(tmp_path):
    code = checkout(tmp_path, tracker="", store__lock="", _data__x="")
    (code.package / "py.typed").touch()
    (code.package / "__pycache__").mkdir()
    assert code.root_entries() == ["store", "tracker.py"]


def test_few_file_names_are_repeated(code):
    assert len(code.repeated_names()) <= MOST_REPEATED_NAMES


def test_a_repeated_file_name_is_found_outside_cli(tmp_path):
    code = checkout(tmp_path, store__rows="", reports__rows="", cli__backup="", backup="")
    assert list(code.repeated_names()) == ["rows.py"]


def test_a_long_file_says_why(code):
    assert long_without_reason(code) == []


def test_a_long_file_that_does_not_say_why_is_found(tmp_path):
    lines = "x = 1\n" * 300
    why = '"""A folder.\n\nOne file\nbecause its calls share a descriptor.\n"""\n'
    code = checkout(tmp_path, a=f'"""A folder."""\n{lines}', b=f"{why}{lines}", c=lines)
    assert long_without_reason(code) == ["a.py"]


def test_everything_is_caught_only_where_the_list_says_so(code):
    assert broad_excepts(code) == set(BROAD_EXCEPTS)
    assert all(BROAD_EXCEPTS.values())


@pytest.mark.parametrize("caught", ["", " Exception", " BaseException", " (OSError, Exception)"])
def test_an_except_that_catches_everything_is_found(tmp_path, caught):
    source = f"class A:\n def f(self):\n  try:\n   g()\n  except{caught}:\n   pass\n"
    narrow = "def f():\n try:\n  g()\n except (OSError, ValueError):\n  pass\n"
    assert broad_excepts(checkout(tmp_path, store__lock=source, b=narrow)) == {"store/lock.py: A.f"}
