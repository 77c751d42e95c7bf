"""The scripts do what they say, and notice when what they check is broken."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.recorder.metadata import MetadataCollector
from tokentrack.store.paths import workspace_paths
from tokentrack.tracker import TokenTracker

SCRIPTS = ROOT / "scripts"
TURNS = sorted((ROOT / "tests" / "examples" / "turns").glob("*.json"))
BIN = Path(sys.executable).parent
REAL = f'"{BIN}/tokentrack" "$@"'

PATTERNS_ARRIVE = """\
Testing file patterns preservation...
Input context: {'trigger_type': 'agentExecutionCompleted', 'hook_name': 'test-hook', \
'file_patterns': ['*.py', '*.md', '*.txt']}

1. Testing MetadataCollector.get_hook_context()...
✓ file_patterns found: ['*.py', '*.md', '*.txt']
✓ file_patterns match input

2. Testing MetadataCollector.collect_execution_metadata()...
✓ file_patterns found in metadata: ['*.py', '*.md', '*.txt']
✓ file_patterns match input in full metadata

3. Testing TokenTracker integration...
✓ file_patterns preserved in transaction

✓ All tests passed!
"""


class Runner:
    """Runs scripts in folders of their own, so that what they leave behind can be seen."""

    def __init__(self, folder):
        self.home, self.temporary = folder / "home", folder / "temporary"
        self.home.mkdir()
        self.temporary.mkdir()

    def run(self, script, *arguments, code=0, cwd=None, **environ):
        """Run a script, check its exit code and return what it printed on both streams."""
        result = subprocess.run(
            [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
            cwd=cwd or self.home,
            env={
                "PATH": os.defpath,
                "HOME": str(self.home),
                "TMPDIR": str(self.temporary),
                **environ,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        output, errors = result.stdout.decode(), result.stderr.decode()
        assert result.returncode == code, output + errors
        assert "Traceback" not in errors
        return output, errors

    def left_behind(self):
        """Return the paths that the scripts left in the two folders."""
        return [*self.home.iterdir(), *self.temporary.iterdir()]


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


@pytest.fixture
def fake_bin(tmp_path):
    """Make a folder with a tokentrack whose hook runs are a shell's doing."""

    def make(hook_run):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "tokentrack"
        program.write_text(f"#!/bin/sh\n[ $1 != hook-run ] || {{ {hook_run}; }}\nexec {REAL}\n")
        program.chmod(0o755)
        return folder

    return make


def load(script):
    spec = importlib.util.spec_from_file_location(script, SCRIPTS / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", TURNS, ids=lambda path: path.stem)
def test_a_turn_names_its_surface_and_version_and_says_that_it_is_synthetic(path):
    turn = json.loads(path.read_text("utf-8"))
    assert path.name.startswith(f"{turn['surface']}-{turn['version']}-")
    assert turn["origin"].startswith("synthetic; ")
    assert all(event["trigger"] for event in turn["events"])
    assert len(turn["expect"]["ledger"]) == 12


def test_every_surface_has_a_turn():
    surfaces = {json.loads(path.read_text("utf-8"))["surface"] for path in TURNS}
    assert surfaces == {"ide-0", "v1", "cli-2", "crew", "api"}


def test_ide_0_keeps_stdin_open_and_no_other_surface_does():
    for path in TURNS:
        turn = json.loads(path.read_text("utf-8"))
        stays_open = [event["stdin_stays_open"] for event in turn["events"]]
        assert stays_open == [turn["surface"] == "ide-0"] * len(stays_open)


@pytest.mark.slow
def test_try_plays_every_turn_and_leaves_nothing_behind(runner):
    output, errors = runner.run("try_turns.py", "--bin", BIN)
    assert errors == ""
    assert f"{len(TURNS)} turns, {len(TURNS)} rows, every hook silent" in output
    assert output.count("one row, as expected") == len(TURNS)
    assert runner.left_behind() == []


@pytest.mark.slow
def test_the_turns_and_rows_fit_a_narrow_terminal(runner):
    output, _ = runner.run("try_turns.py", "--bin", BIN, COLUMNS="60")
    turns = output[output.index("\nTurns") : output.index("\ntokentrack status\n")]
    rows = output[output.index("\nThe rows") :]
    assert max(len(line) for line in (turns + rows).splitlines()) <= 60


@pytest.mark.slow
def test_try_keeps_the_workspace_when_asked(runner):
    output, _ = runner.run("try_turns.py", "--bin", BIN, "--keep")
    (kept,) = runner.left_behind()
    assert f"kept: {kept}" in output
    assert (kept / "workspace" / ".kiro" / "token_transactions.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook_run", "finding"),
    [
        pytest.param("exit 0", "it became 0 rows instead of 1", id="records nothing"),
        pytest.param("echo noise", "printed b'noise", id="prints"),
        pytest.param("echo noise >&2", "printed b'noise", id="prints on stderr"),
        pytest.param(f"{REAL}; exit 2", "exit code 2", id="fails"),
        pytest.param("unset USER_PROMPT", "prompt_text is ''", id="loses the prompt"),
    ],
)
def test_try_notices_a_hook_that(hook_run, finding, fake_bin, runner):
    _, errors = runner.run("try_turns.py", "--bin", fake_bin(hook_run), code=1)
    assert finding in errors
    assert runner.left_behind() == []


@pytest.mark.slow
def test_try_notices_a_turn_that_becomes_two_rows(fake_bin, runner):
    real = f'{REAL} <"$HOME/payload"'
    again = "KIRO_TOKEN_TRACKER_DUPLICATE_WINDOW_SECONDS=0"
    twice = f'cat >"$HOME/payload"; {real}; {again} {real}'
    with_payload = f'case "$*" in *"--event Stop") {twice}; exit;; esac'
    _, errors = runner.run("try_turns.py", "--bin", fake_bin(with_payload), code=1)
    assert "v1-1.x-turn: it became 2 rows instead of 1" in errors


def test_try_says_that_tokentrack_is_missing(tmp_path, runner):
    _, errors = runner.run("try_turns.py", "--bin", tmp_path, code=2)
    assert "there is no tokentrack in" in errors


@pytest.mark.parametrize("script", ["try", "test"])
@pytest.mark.parametrize(
    ("python", "finding"),
    [
        (None, "there is none on PATH"),
        ('case "$2" in *print*) echo 3.9;; *) exit 1;; esac', "python3 is 3.9"),
        ("echo this version is not installed >&2; exit 127", "there is none on PATH"),
    ],
)
def test_without_a_new_enough_python_a_script_says_so(script, python, finding, tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    if python:
        (tmp_path / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (tmp_path / "python3").chmod(0o755)
    result = subprocess.run(
        ["/bin/sh", str(SCRIPTS / script)],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert f"needs Python 3.11 or newer with its venv module, but {finding}" in (
        result.stderr.decode()
    )


def test_the_patterns_script_prints_what_the_guide_shows(tmp_path, runner):
    for cwd in (tmp_path, "/", ROOT):
        assert runner.run("debug_file_patterns.py", cwd=cwd) == (PATTERNS_ARRIVE, "")
    assert runner.left_behind() == []


def test_the_patterns_script_prints_utf_8_in_every_locale(runner):
    output, _ = runner.run("debug_file_patterns.py", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert output == PATTERNS_ARRIVE


class ForgetfulContext(MetadataCollector):
    """Loses a pattern between the context and the hook's fields."""

    def get_hook_context(self, context=None):
        fields = super().get_hook_context(context)
        return {**fields, "file_patterns": fields["file_patterns"][:-1]}


class ForgetfulMetadata(MetadataCollector):
    """Loses all patterns when it puts the metadata together."""

    def collect_execution_metadata(self, context=None):
        return {**super().collect_execution_metadata(context), "file_patterns": []}


class ForgetfulTracker(TokenTracker):
    """Hands only the first pattern on to the ledger."""

    def record_transaction(self, prompt_text, tokens_used=0, elapsed_time=0.0, context=None):
        fewer = {**context, "file_patterns": context["file_patterns"][:1]}
        return super().record_transaction(prompt_text, tokens_used, elapsed_time, fewer)


@pytest.mark.parametrize(
    ("collector", "tracker", "level"),
    [
        (ForgetfulContext, TokenTracker, "1. MetadataCollector.get_hook_context()"),
        (ForgetfulMetadata, TokenTracker, "2. MetadataCollector.collect_execution_metadata()"),
        (MetadataCollector, ForgetfulTracker, "3. TokenTracker integration"),
    ],
)
def test_the_patterns_script_names_the_level_that_loses(
    collector, tracker, level, tmp_path, capsys
):
    paths = workspace_paths(str(tmp_path), ".kiro/token_transactions.csv")
    environ = {"HOME": str(tmp_path)}
    script = load("debug_file_patterns")
    code = script.run(
        collector(cwd=str(tmp_path), environ=environ),
        tracker(TrackerConfig(), paths=paths, environ=environ),
    )
    assert code == 1
    assert capsys.readouterr().out.endswith(f"\n✗ Patterns are lost in {level}\n")


def test_the_benchmark_gives_every_ratio(runner):
    output, _ = runner.run("bench_hook.py", "--python", sys.executable, "--rounds", 3, "--json")
    report = json.loads(output)
    assert set(report) == {
        "python", "machine", "package", "launcher_imports_re", "rounds", "results"
    }  # fmt: skip
    assert list(report["results"]) == [
        "bare", "launcher", "start, fsync", "completion, fsync", "start, no fsync",
        "completion, no fsync",
    ]  # fmt: skip
    for result in report["results"].values():
        assert 0 < result["ms"]["q1"] <= result["ms"]["median"] <= result["ms"]["q3"]
    assert report["results"]["bare"]["ratio"]["median"] == 1
    assert runner.left_behind() == []


def test_the_benchmark_prints_a_table(runner):
    output, _ = runner.run("bench_hook.py", "--python", sys.executable, "--rounds", 2)
    assert "the console script" in output
    assert output.count("\n") == 10


def test_the_benchmark_refuses_a_hook_that_records_nothing(tmp_path, runner):
    (tmp_path / "python").symlink_to(sys.executable)
    launcher = tmp_path / "tokentrack"
    launcher.write_text(f"#!{sys.executable}\nfrom tokentrack.__main__ import main\n")
    launcher.chmod(0o755)
    python = tmp_path / "python"
    _, errors = runner.run("bench_hook.py", "--python", python, "--rounds", 2, code=1)
    assert "3 turns became 0 rows in workspace-fsync: run scripts/try to see why" in errors


def test_the_benchmark_says_that_tokentrack_is_missing(tmp_path, runner):
    _, errors = runner.run("bench_hook.py", "--python", tmp_path / "python", code=1)
    assert "is no console script of tokentrack: install it there" in errors


@pytest.mark.slow
def test_two_checkouts_are_measured_side_by_side(tmp_path, runner):
    package = tmp_path / "old" / "src" / "tokentrack"
    (package / "store").mkdir(parents=True)
    (package / "errors.py").write_text("def f():\n    pass\n")
    (package / "store" / "lock.py").write_text("from tokentrack.errors import f\n")
    output, _ = runner.run("measure_code.py", tmp_path / "old", ROOT)
    table = {cells[1]: cells[2:-1] for cells in map(split_cells, output.splitlines())}
    assert table["modules"][0] == "2"
    assert table["lines of a function, median / p90 / max"][0] == "2 / 2 / 2"
    assert table["imports between folders"][0] == "1"
    assert table["entries at the root"][0] == "2"
    assert int(table["modules"][1]) > 100
    _, errors = runner.run("measure_code.py", tmp_path, code=1)
    assert f"no Python files in {tmp_path}" in errors


def split_cells(line):
    return [cell.strip() for cell in line.split("|")]
