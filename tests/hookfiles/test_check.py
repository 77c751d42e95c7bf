"""`tokentrack validate-hooks`, started as a user starts it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import EXAMPLES, commands

HOOKS = EXAMPLES / "hooks"
HOOK = {
    "name": "Token tracker",
    "version": "1",
    "when": {"type": "agentStop"},
    "then": {"type": "runCommand", "command": "tokentrack hook-run"},
}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def run(home, tmp_path):
    work = tmp_path / "work"
    work.mkdir()

    def start(*arguments, **variables):
        inherited = {k: v for k, v in os.environ.items() if k not in {"KIRO_HOME", "NO_COLOR"}}
        environment = {**inherited, "HOME": str(home), "USERPROFILE": str(home), **variables}
        return commands.run(["validate-hooks", *arguments], work, environment, code=None)

    start.work = work
    return start


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), "utf-8")
    return path


def test_the_positive_examples_exit_0_and_the_negative_ones_1(run):
    good, bad = run(HOOKS / "positive"), run(HOOKS / "negative")
    assert (good.returncode, bad.returncode) == (0, 1)
    assert "Traceback" not in good.stderr + bad.stderr
    assert re.search(r"^\d+ files checked: 0 errors, \d+ warnings$", good.stdout, re.MULTILINE)
    for path in (HOOKS / "negative").iterdir():
        reported = re.search(rf"{re.escape(path.name)}:\d+: error: ", bad.stdout)
        assert reported or path.suffix == ".expect"


def test_the_seeds_files_pass_and_fail_only_when_strict(run):
    for name in ("token-tracking", "token-tracking-start", "triggers-list"):
        path = HOOKS / "positive" / f"seed-{name}.kiro.hook"
        assert run(path).returncode == 0
        assert run("--strict", path).returncode == 1


def test_a_finding_names_file_line_level_key_and_the_nearest_name(run):
    path = HOOKS / "negative" / "ide-0-misspelt-trigger.kiro.hook"
    first, last = run(path).stdout.splitlines()
    assert first == (
        f'{path}:7: error: when.type: unknown trigger "agentStopp" (Kiro IDE 0.x): '
        'did you mean "agentStop"?'
    )
    assert last == "1 file checked: 1 error, 0 warnings"


def test_json_carries_its_version_the_files_and_the_findings(run):
    path = HOOKS / "negative" / "ide-0-misspelt-trigger.kiro.hook"
    result = run("--format", "json", path)
    document = json.loads(result.stdout)
    assert result.returncode == 1
    assert document["schema_version"] == 1
    assert document["files"] == [{"path": str(path), "form": "ide-0"}]
    assert document["summary"] == {"files": 1, "errors": 1, "warnings": 0}
    assert document["findings"] == [
        {
            "path": str(path),
            "line": 7,
            "key": "when.type",
            "level": "error",
            "message": 'unknown trigger "agentStopp" (Kiro IDE 0.x)',
            "fix": 'did you mean "agentStop"?',
        }
    ]


@pytest.mark.skipif(os.name != "posix", reason="needs a file name that Windows refuses")
def test_github_format_is_a_workflow_command_with_its_specials_escaped(run):
    path = write(run.work / "100%,a:b" / "x.kiro.hook", {**HOOK, "50%": 1})
    first = run("--format", "github", path.relative_to(run.work)).stdout.splitlines()[0]
    assert first == (
        "::warning file=100%25%2Ca%3Ab/x.kiro.hook,line=11,title=tokentrack::"
        '"50%25": Kiro ignores "50%25" here: remove it'
    )


def test_the_default_places_are_those_of_the_workspace_and_the_home(run, home):
    for root in (run.work / ".kiro", home / ".kiro"):
        write(root / "hooks" / "sub" / "a.kiro.hook", {**HOOK, "name": str(root)})
        write(root / "agents" / "a.json", {"hooks": {}})
        write(root / "settings" / "mcp.json", {"mcpServers": 1})
    files = json.loads(run("--format", "json").stdout)["files"]
    names = [Path(file["path"]).name for file in files]
    assert names == ["a.kiro.hook", "a.json"] * 2


def test_kiro_home_stands_in_for_the_home_folder(run, tmp_path):
    write(tmp_path / "elsewhere" / "agents" / "a.json", {"hooks": []})
    result = run(KIRO_HOME=str(tmp_path / "elsewhere"))
    assert "a.json:2: error: hooks: " in result.stdout


def test_no_hook_file_at_all_is_said_and_is_no_failure(run):
    result = run("--strict")
    assert (result.returncode, result.stdout) == (0, "No hook files found.\n")


def test_a_path_that_does_not_exist_is_wrong_usage(run):
    result = run("nowhere\x1b[31m")
    assert result.returncode == 2
    assert r'"nowhere\x1b[31m" does not exist' in result.stderr
    assert run("--format", "yaml").returncode == 2


def test_in_a_workspace_only_kiros_folders_hold_hook_files(run):
    write(run.work / ".kiro" / "hooks" / "a.json", {"hooks": []})
    write(run.work / ".kiro" / "token_tracker_config.json", "{}")
    write(run.work / "package.json", {"hooks": 1})
    for place in (".", ".kiro", run.work):
        files = json.loads(run("--format", "json", place).stdout)["files"]
        assert [Path(file["path"]).name for file in files] == ["a.json"]


def test_an_explicitly_named_file_is_always_checked(run):
    assert run(write(run.work / "notes.txt", "# Notes")).returncode == 1


def test_a_file_named_twice_is_checked_once(run):
    path = write(run.work / "a.kiro.hook", HOOK)
    assert run(path, run.work, ".").stdout == "1 file checked: no problems\n"


def test_the_same_name_in_several_files_is_a_warning(run):
    write(run.work / "hooks" / "a.kiro.hook", HOOK)
    write(run.work / "hooks" / "b.kiro.hook", HOOK)
    first = os.path.join("hooks", "a.kiro.hook")
    message = f'the hook in {first}:2 has the same name, "Token tracker": remove or rename one'
    assert f"b.kiro.hook:2: warning: name: {message}" in run("hooks").stdout


def test_the_same_name_for_two_products_is_no_duplicate(run):
    write(run.work / "a.kiro.hook", HOOK)
    hook = {"name": HOOK["name"], "trigger": "Stop", "action": {"type": "agent", "prompt": "x"}}
    write(run.work / "b.json", {"version": "v1", "hooks": [hook]})
    assert "no problems" in run(".").stdout


def test_a_0x_file_is_inert_where_a_newer_ide_left_its_sessions(run, home):
    path = write(run.work / "a.kiro.hook", HOOK)
    assert "inert" not in run(path).stdout
    (home / ".kiro" / "sessions" / "bucket" / "sess_1").mkdir(parents=True)
    result = run(path)
    assert result.returncode == 0
    assert "warning: this file is inert if your IDE is 1.0 or newer" in result.stdout
    assert (
        'run `tokentrack migrate-hooks` to convert it to v1, with the trigger "Stop"'
        in result.stdout
    )


def test_control_and_bidi_characters_do_not_reach_the_terminal(run):
    evil = "a\x1b]0;x\x07\x9b31m\u202eb\u2066\ud800"
    hook = {**HOOK, "name": evil, evil: 1, "when": {"type": evil}}
    write(run.work / "a.kiro.hook", hook)
    write(run.work / "b.kiro.hook", hook)
    for style in ("text", "github", "json"):
        out = run("--format", style, ".").stdout
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)
    assert r'unknown trigger "a\x1b]0;x\x07\x9b31m\u202eb\u2066\ud800"' in run(".").stdout


def test_an_output_that_knows_few_letters_gets_escapes(run):
    path = write(run.work / "a.kiro.hook", {**HOOK, "用量": 1})
    result = run(path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.returncode == 0
    assert r'Kiro ignores "\u7528\u91cf"' in result.stdout


@pytest.mark.parametrize(("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_color_unless_no_color_is_set(tmp_path, variables, colored):
    pty = pytest.importorskip("pty")
    path = write(tmp_path / "a.kiro.hook", {**HOOK, "x": 1})
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "tokentrack", "validate-hooks", str(path)],
        stdout=theirs,
        env={**environment, "TERM": "xterm", "COLUMNS": "200", **variables},
        timeout=60,
        check=False,
    )
    os.close(theirs)
    assert (b"\x1b[33m" in os.read(ours, 65536)) is colored
    os.close(ours)
