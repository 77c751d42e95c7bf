"""The tests mirror the package: each file is in the room, and has the name, of what it tests."""

import ast

from support import ROOT, TESTS

PACKAGE = ROOT / "src" / "tokentrack"
# Folders of tests that are about more than one room.
OTHERS = {"end_to_end", "rules", "scripts"}
# Files that test a whole room, and what they show.
WHOLE_ROOMS = {
    "cli/test_help.py": "the help of every command",
    "cli/test_sentences.py": "what every command says if something is in its way",
    "diagnostics/test_doctor.py": "the command and all its checks",
    "kiro/reconcile/test_bounds.py": "what a look for real numbers opens",
    "kiro/reconcile/test_faults.py": "a look for real numbers among damaged files",
    "kiro/reconcile/test_ide.py": "the turns of IDE 0.x, which have no session",
    "kiro/reconcile/test_surfaces.py": "whole turns of each surface",
    "kiro/test_hostile_files.py": "every reader, with any value in any place",
    "maintenance/test_crashes.py": "every job, killed anywhere",
    "maintenance/test_storm.py": "every job next to writers",
    "reports/index/test_equality.py": "the index against a scan of everything",
}
MOST_LINES = 400
# Files that are still to be split: the list only gets shorter.
PENDING: set[str] = set()


def has_module(test, package):
    """Tell whether `test_<module>.py` or `test_<module>_<topic>.py` has its module."""
    words = test.stem.removeprefix("test_").split("_")
    names = ("_".join(words[:count]) for count in range(1, len(words) + 1))
    folder = package / test.parent
    return any((folder / f"{n}.py").exists() or (folder / n).is_dir() for n in names)


def strangers(tests, package):
    """Return the test files that no module of their room has the name of."""
    paths = (path.relative_to(tests) for path in sorted(tests.rglob("test_*.py")))
    return [
        path.as_posix()
        for path in paths
        if path.parts[0] not in OTHERS and not has_module(path, package)
    ]


def test_each_test_file_is_named_like_its_module():
    assert strangers(TESTS, PACKAGE) == sorted(WHOLE_ROOMS), "see WHOLE_ROOMS in this file"


def test_a_test_file_without_its_module_is_found(tmp_path):
    for name in ("src/store/lock.py", "src/tracker.py", "tests/store/test_lock_waits.py",
                 "tests/test_tracker.py", "tests/test_lock.py", "tests/store/test_locks.py",
                 "tests/rules/test_anything.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert strangers(tmp_path / "tests", tmp_path / "src") == [
        "store/test_locks.py", "test_lock.py",
    ]  # fmt: skip


def long_without_reason(paths):
    return [
        path.name
        for path in paths
        if path.read_text("utf-8").count("\n") > MOST_LINES
        and "one file because" not in docstring_of(path).lower()
    ]


def docstring_of(path):
    return ast.get_docstring(ast.parse(path.read_bytes())) or ""


def test_each_module_of_the_tests_says_what_it_shows():
    assert [path.name for path in TESTS.rglob("*.py") if not docstring_of(path)] == []


def test_a_long_module_of_the_tests_says_why():
    assert set(long_without_reason(TESTS.rglob("*.py"))) == PENDING


def test_a_long_module_that_does_not_say_why_is_found(tmp_path):
    lines = "x = 1\n" * MOST_LINES
    (tmp_path / "a.py").write_text(lines + "y = 2\n")
    (tmp_path / "b.py").write_text(f'"""One file because of a reason."""\n{lines}')
    (tmp_path / "c.py").write_text(lines)
    assert long_without_reason(tmp_path.iterdir()) == ["a.py"]
