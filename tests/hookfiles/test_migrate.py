"""`tokentrack migrate-hooks`: 0.x files become v1 files that say the same."""

import json
import re

import pytest

from support.commands import tokentrack
from support.ledgers import posix_only
from tokentrack.hookfiles.check import check_paths
from tokentrack.hookfiles.migrate import convert, glob_regex
from tokentrack.hookfiles.plan import RefusedError

ASK = {"type": "askAgent", "prompt": "look"}
RUN = {"type": "runCommand", "command": "make test", "timeout": 30}


def document(kind="agentStop", then=ASK, **when):
    return {"name": "mine", "version": "1", "when": {"type": kind, **when}, "then": then}


def migrate(machine, *arguments, code=0):
    return tokentrack(machine, "migrate-hooks", *arguments, code=code, errors=True)


def put(machine, name, value):
    path = machine.root / ".kiro" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize(("old", "new"), [
    ("fileEdited", "PostFileSave"), ("fileCreated", "PostFileCreate"),
    ("fileDeleted", "PostFileDelete"), ("promptSubmit", "UserPromptSubmit"),
    ("agentStop", "Stop"), ("preToolUse", "PreToolUse"), ("postToolUse", "PostToolUse"),
    ("preTaskExecution", "PreTaskExec"), ("postTaskExecution", "PostTaskExec"),
    ("userTriggered", "Manual"), ("manual", "Manual"),
])  # fmt: skip
def test_each_trigger_has_its_v1_name(old, new):
    assert convert(document(old))["trigger"] == new


def test_actions_timeouts_names_and_being_switched_off_stay():
    value = {**document(then=RUN), "enabled": False, "description": "d"}
    assert convert(value) == {
        "name": "mine", "description": "d", "trigger": "Stop", "timeout": 30, "enabled": False,
        "action": {"type": "command", "command": "make test"},
    }  # fmt: skip
    assert convert(document())["action"] == {"type": "agent", "prompt": "look"}
    assert convert(document(then={**RUN, "timeout": 60000}))["timeout"] == 60


GLOBS = [
    (["**/*.py"], ["a.py", "x/y/a.py", "/w/x/a.py"], ["a.pyc", "a.py/b"]),
    (["*.md"], ["a.md", "/w/a.md"], ["a.mdx"]),
    (["src/*.ts"], ["src/a.ts", "/w/src/a.ts"], ["src/x/a.ts", "mysrc/a.ts"]),
    (["src/**"], ["src/a", "src/x/y"], ["lib/a"]),
    (["**/*.{js,jsx}"], ["a.js", "x/a.jsx"], ["a.ts"]),
    (["**/*.{js", "jsx}", "*.c"], ["a.js", "a.jsx", "a.c"], ["a.{js"]),
    (["a?.txt"], ["ab.txt"], ["a.txt", "a/.txt"]),
    (["/docs/a+b.md"], ["docs/a+b.md"], ["docs/aab.md"]),
    (["**/*.{js", " jsx}"], ["a.js", "a.jsx"], ["a. jsx"]),
    (["my-app/a b#&~.ts"], ["my-app/a b#&~.ts"], []),
]


@pytest.mark.parametrize(("globs", "inside", "outside"), GLOBS)
def test_file_globs_become_an_anchored_regex(globs, inside, outside):
    pattern = re.compile(glob_regex(globs))
    assert [path for path in inside if not pattern.search(path)] == []
    assert [path for path in outside if pattern.search(path)] == []
    assert convert(document("fileEdited", patterns=globs))["matcher"] == pattern.pattern


def test_no_escape_is_written_that_javascript_refuses():
    # With the flag `u` it takes a backslash before these and no other character.
    escaped = re.findall(r"\\(.)", glob_regex([f"{chr(c)}x" for c in range(32, 127)
                                                if chr(c) not in "!*?[]{}"]))  # fmt: skip
    assert escaped
    assert set(escaped) <= set("\\.^$|?*+()[]{}")


@pytest.mark.parametrize("pattern", ["[ab].ts", "!**/x", "@(a|b).ts", "{a,{b,c}}.ts", "{a", "a}"])
def test_a_pattern_without_a_certain_regex_is_refused(machine, pattern):
    path = put(machine, "mine.kiro.hook", document("fileEdited", patterns=[pattern, "*.c"]))
    assert "can't be converted reliably" in migrate(machine, code=1)
    assert not path.with_name("mine.json").exists()


@pytest.mark.parametrize(("kinds", "matcher"), [
    (["write", "shell"], "write|shell"), (["*"], None), ("fs_write", "fs_write"),
])  # fmt: skip
def test_tool_types_become_the_matcher(kinds, matcher):
    assert convert(document("preToolUse", toolTypes=kinds)).get("matcher") == matcher


@pytest.mark.parametrize("value", [
    document("nothingLikeIt"), document(then={"type": "askAgent"}), document(then=None),
    {**document(), "when": None},
])  # fmt: skip
def test_what_has_no_v1_form_is_refused(value):
    with pytest.raises(RefusedError):
        convert(value)


def test_files_are_written_beside_and_valid_and_the_originals_stay(machine):
    put(machine, "mine.kiro.hook", document("fileEdited", patterns=["**/*.py"]))
    assert "nothing was written" in migrate(machine, "--dry-run")
    hooks = machine.root / ".kiro" / "hooks"
    assert [p.name for p in hooks.iterdir()] == ["mine.kiro.hook"]
    migrate(machine)
    assert sorted(p.name for p in hooks.iterdir()) == ["mine.json", "mine.kiro.hook"]
    assert [f for f in check_paths([str(hooks / "mine.json")]).findings if f.level == "error"] == []
    assert "nothing to do" in migrate(machine)


def test_a_file_in_the_way_is_never_overwritten(machine):
    put(machine, "mine.kiro.hook", document())
    mine = put(machine, "mine.json", "{}")
    assert "already exists" in migrate(machine, code=1)
    assert mine.read_text() == "{}"


def test_with_replace_the_original_is_renamed(machine):
    path = put(machine, "mine.kiro.hook", document())
    before = path.read_bytes()
    migrate(machine, "--replace", path)
    assert not path.exists()
    assert path.with_name("mine.kiro.hook.orig").read_bytes() == before
    assert path.with_name("mine.json").exists()


@pytest.mark.parametrize("value", [
    document("agentExecutionCompleted"),
    {"name": "x", "triggers": ["agentExecutionCompleted"]},
    document(then={"type": "runCommand", "command": "tokentrack hook-run --event agentStop"}),
])  # fmt: skip
def test_the_recorders_own_and_the_first_documents_files_become_the_shipped_hook(machine, value):
    put(machine, "token-tracking.kiro.hook", value)
    put(machine, "again.kiro.hook", value)
    migrate(machine)
    hooks = machine.root / ".kiro" / "hooks"
    assert sorted(p.name for p in hooks.glob("*.json")) == ["tokentrack.json"]
    (start, stop) = json.loads((hooks / "tokentrack.json").read_text())["hooks"]
    assert (start["trigger"], stop["trigger"]) == ("UserPromptSubmit", "Stop")


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"version": "v1", "hooks": []}'])
def test_what_is_no_hook_file_is_refused_and_the_others_go_on(machine, content):
    put(machine, "bad.kiro.hook", content)
    put(machine, "good.kiro.hook", document())
    migrate(machine, code=1)
    assert (machine.root / ".kiro" / "hooks" / "good.json").exists()


@posix_only
def test_a_linked_folder_of_the_workspace_is_left_alone_unless_it_is_named(machine, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.kiro.hook").write_text(json.dumps(document()))
    hooks = machine.root / ".kiro" / "hooks"
    hooks.parent.mkdir(exist_ok=True)
    hooks.symlink_to(outside)
    assert "hooks is a symbolic link" in migrate(machine, code=1)
    assert [path.name for path in outside.iterdir()] == ["mine.kiro.hook"]
    migrate(machine, hooks)
    assert sorted(path.name for path in outside.iterdir()) == ["mine.json", "mine.kiro.hook"]
