"""`tokentrack doctor`: each finding comes with its fix, and a healthy machine has none."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys

import pytest

from support.doctor import BIN, findings, having, install, tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from tokentrack.common.resources import read_text
from tokentrack.diagnostics.folders import check_file_system
from tokentrack.diagnostics.setup import Setup


@pytest.mark.slow
def test_a_sound_machine_has_no_problem_and_says_how_long_a_hook_takes(machine):
    install(machine)
    machine.send("Stop")
    found = findings(machine)
    assert not [f for f in found if f["level"] == "problem"]
    assert len(having(found, "fires", "ok")) == 4
    assert having(found, "v1 Stop last fired 20", "ok")
    assert [f for f in found if f["area"] == "speed" and "a hook takes" in f["message"]]
    assert "hooks: v1 Stop" in tokentrack(machine, "doctor")


def test_without_hooks_and_program_it_says_so_and_fails(machine, tmp_path):
    found = findings(machine, code=1, path=str(tmp_path))
    assert having(found, "no hook is installed", "problem")[0]["fix"] == "tokentrack init"
    assert having(found, "`tokentrack` is not on PATH", "warning")
    assert having(found, "no Kiro found", "warning")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kiro", "kiro-cli", "q"])
def test_a_program_of_kiros_is_named_for_what_it_is(machine, tmp_path, name):
    program = tmp_path / "bin" / name
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = findings(machine, code=1, path=f"{program.parent}:{BIN}:/usr/bin")
    (seen,) = [f["message"] for f in found if str(program) in f["message"]]
    assert ("IDE" in seen) == (name == "kiro")


def test_engines_are_known_by_their_traces(machine):
    home = KiroHome(machine.home)
    V1Session(home)
    IdeStorage(home).execution([0.5])
    found = findings(machine, code=1)
    assert having(found, "the v1 engine", "ok")
    assert having(found, "Kiro IDE 0.x is in use", "ok")


def test_an_inert_file_is_offered_the_migration(machine):
    V1Session(KiroHome(machine.home))
    hooks = machine.root / ".kiro" / "hooks"
    hooks.mkdir()
    mine = {"name": "mine", "version": "1", "when": {"type": "agentStop"},
            "then": {"type": "askAgent", "prompt": "sum up"}}  # fmt: skip
    (hooks / "mine.kiro.hook").write_text(json.dumps(mine))
    found = findings(machine, code=1)
    (inert,) = having(found, "is inert if your IDE is 1.0 or newer", "warning")
    assert inert["fix"].startswith("tokentrack migrate-hooks")
    # The control: on a machine without traces of a newer IDE it is not inert.
    other = machine.home / "other"
    other.mkdir()
    machine.environment["KIRO_HOME"] = str(other)
    assert not having(findings(machine, code=1), "is inert", "warning")


def test_an_invented_trigger_and_an_array_of_hooks_are_found(machine):
    hooks = machine.root / ".kiro" / "hooks"
    hooks.mkdir()
    (hooks / "a.kiro.hook").write_text(json.dumps({
        "name": "a", "version": "1", "when": {"type": "afterAgentExecution"},
        "then": {"type": "askAgent", "prompt": "p"}}))  # fmt: skip
    assert having(findings(machine, code=1), "a.kiro.hook", "warning")


@pytest.mark.slow
def test_the_same_hook_in_two_scopes_is_told(machine):
    install(machine, "--surface", "v1")
    assert not having(findings(machine), "two scopes", "warning")
    install(machine, "--surface", "v1", "--scope", "user")
    assert len(having(findings(machine), "two scopes", "warning")) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("script", "what", "fix"), [
    ("#!/usr/bin/env bash\nexec pyenv exec tokentrack\n", "pyenv", "`pyenv which tokentrack`"),
    ('#!/bin/sh\nexec uvx tokentrack "$@"\n', "uvx", "`uv tool install .`"),
    ("#!/o ld/python3\nimport re\nimport sys\n", "imports `re`",
     "'/o ld/python3' -m pip install --upgrade pip, then install tokentrack again"),
    (f"#!{sys.executable}\nimport re\n", "imports `re`",
     f"{sys.executable} -m pip install --upgrade pip"),
    ("#!/usr/bin/python3\nimport sys\n", None, ""),
])  # fmt: skip
def test_a_slow_launcher_is_told_and_a_fast_one_is_not(machine, tmp_path, script, what, fix):
    program = tmp_path / "bin" / "tokentrack"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"
    output = tokentrack(machine, "doctor", "--json", code=None, path=path)
    found = json.loads(output)["findings"]
    (seen,) = [f for f in found if f["area"] == "program" and str(program) in f["message"]
               and "shorter PATH" not in f["message"]]  # fmt: skip
    assert (seen["level"], what is None or what in seen["message"]) == (
        "warning" if what else "ok", True,
    )  # fmt: skip
    assert fix in seen["fix"]
    # That name on PyPI belongs to another program.
    assert not re.search(r"(pip|pipx|uv tool) install ['\"]?tokentrack", output)


FOLDERS = [
    ("plain", "ext4", []),
    ("Dropbox", "ext4", ["Dropbox"]),
    ("Dropbox (Work)", "ext4", ["Dropbox"]),
    ("OneDrive - Contoso", "ext4", ["OneDrive"]),
    ("my-Dropboxes", "ext4", []),
    ("plain", "nfs4", ["network file system (nfs4)"]),
]


@pytest.mark.parametrize(("name", "kind", "expected"), FOLDERS)
def test_synced_and_network_folders_are_told(tmp_path, name, kind, expected):
    root = tmp_path / name
    (root / ".kiro").mkdir(parents=True)
    mounts = tmp_path / "mounts"
    point = str(tmp_path.resolve()).replace(" ", "\\040")
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {point} {kind} rw 0 0\n")
    setup = Setup(str(root), {"HOME": str(tmp_path)})
    found = [finding.message for finding in check_file_system(setup, str(mounts))]
    assert len(found) == len(expected)
    assert all(part in message for part, message in zip(expected, found, strict=True))


@pytest.mark.slow
def test_a_shorter_path_is_no_matter_once_a_hook_has_fired(machine):
    install(machine)
    (found,) = having(findings(machine), "shorter PATH", "warning")
    assert "sudo" not in found["fix"]
    assert f"PATH={BIN}:" in found["fix"]
    machine.send("Stop")
    assert not having(findings(machine), "shorter PATH", "warning")
    # The control: IDE 0.x is in use as well, and no hook of it has fired.
    IdeStorage(KiroHome(machine.home)).execution([0.5])
    assert having(findings(machine), "shorter PATH", "warning")


@pytest.mark.slow
@pytest.mark.parametrize("surface", ["ide-0", "v1"])
def test_the_self_test_fires_the_installed_hook_and_leaves_no_row_here(machine, surface):
    install(machine, "--surface", surface)
    found = findings(machine, "--self-test")
    assert having(found, f"a turn of {surface} was recorded as one row", "ok")
    assert machine.rows() == []


@pytest.mark.slow
def test_the_self_test_fails_where_the_command_is_not_found(machine):
    # The control: the same hooks, and a PATH without the program.
    install(machine, "--surface", "v1")
    found = findings(machine, "--self-test", code=1, path="/usr/bin:/bin")
    (failed,) = having(found, "exited with code 127", "problem")
    assert failed["fix"] == f"put {BIN} on PATH"
    assert not having(findings(machine, "--self-test"), "exited with code", "problem")


def test_the_self_test_runs_no_command_that_a_workspace_brings(machine):
    install(machine, "--surface", "v1")
    path = machine.root / ".kiro" / "hooks" / "tokentrack.json"
    mark = machine.home / "mark"
    text = path.read_text().replace("tokentrack hook-run", f"touch {mark}; tokentrack hook-run")
    path.write_text(text)
    findings(machine, "--self-test", code=1)
    assert not mark.exists()


LEGACY = {"name": "x", "version": "1", "when": {"type": "agentExecutionCompleted"},
          "then": {"type": "runCommand", "command": "tokentrack hook-run"}}  # fmt: skip
SHIPPED = json.loads(read_text("hooks", "tokentrack.json"))
NESTED = {"hooks": {"stop": [{"hooks": [{"command": "tokentrack hook-run"}]}]}}
# A flat hook next to a nested one: Kiro drops the whole agent.
MIXED = {"hooks": {**NESTED["hooks"], "userPromptSubmit": [{"command": "ls"}],
                   "agentSpawn": [{"command": "tokentrack hook-run"}]}}  # fmt: skip
OFF = {**SHIPPED, "hooks": [{**hook, "enabled": False} for hook in SHIPPED["hooks"]]}
GONE = json.loads(
    json.dumps(SHIPPED).replace("tokentrack hook-run", "/opt/none/tokentrack hook-run")
)
NO_STOP = {**SHIPPED, "hooks": SHIPPED["hooks"][:1]}


@pytest.mark.slow
@pytest.mark.parametrize(("path", "content", "code"), [
    (".kiro/agents/dev.json", NESTED, 1),
    (".kiro/agents/dev.json", MIXED, 1),
    (".kiro/hooks/x.kiro.hook", LEGACY, 1),
    (".kiro/hooks/tokentrack.json", OFF, 1),
    (".kiro/hooks/tokentrack.json", NO_STOP, 1),
    (".kiro/hooks/x.json", GONE, 1),
    (".kiro/hooks/tokentrack.json", SHIPPED, 0),
])  # fmt: skip
def test_it_fails_exactly_where_no_turn_can_be_recorded(machine, path, content, code):
    target = machine.root / path
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(content))
    found = findings(machine, code=code)
    assert bool([f for f in found if f["level"] == "problem"]) == bool(code)
    assert ("PROBLEM" in tokentrack(machine, "status", code=code)) == bool(code)


@pytest.mark.slow
def test_sessions_of_cli_3_do_not_make_the_hooks_of_an_older_ide_inert(machine):
    install(machine, "--surface", "ide-0")
    home = KiroHome(machine.home)
    V1Session(home)
    inert = findings(machine, code=1)  # the control: nothing says that an IDE 0.x was ever here
    assert having(inert, "ide-0 agentStop", "problem")
    IdeStorage(home).execution([0.5])
    found = findings(machine)
    assert len(having(found, "fires (inert if your IDE is 1.0 or newer)", "ok")) == 2
    assert having(found, "v1 is in use", "warning")[0]["fix"] == "tokentrack init --surface v1"
    assert "both run (inert if your IDE is 1.0 or newer)" in tokentrack(machine, "status")
    assert "IDE 1.x is in use" not in json.dumps(found + inert)


@pytest.mark.slow
def test_each_hook_says_when_it_is_known_to_have_fired_and_no_more(machine):
    install(machine)
    install(machine, "--surface", "v1", "--scope", "user")
    assert having(findings(machine), "no hook has recorded a turn", "warning")
    machine.send("UserPromptSubmit", prompt="p")  # nothing but a running execution
    found = [f["message"] for f in findings(machine) if f["area"] == "recording"]
    assert [message.partition(" 20")[0] for message in found] == [
        "ide-0 promptSubmit has not fired here yet",
        "ide-0 agentStop has not fired here yet",
        "v1 UserPromptSubmit last fired",  # of two files, which write the same
        "v1 Stop has not fired here yet",
    ]
    machine.send("Stop")
    machine.hook(b"", "--event", "agentStop", "--no-stdin")
    machine.send("stop", session="s2")
    (started,) = [row for row in machine.rows() if row["elapsed_time"]]
    found = [f["message"] for f in findings(machine) if f["area"] == "recording"]
    assert [message.partition(" 20")[0] for message in found] == [
        "ide-0 promptSubmit has not fired here yet",
        "ide-0 agentStop last fired",
        "v1 UserPromptSubmit last fired",
        "v1 Stop last fired",
        "cli-2 (no hook installed now) last ran a hook",
    ]
    assert found[3].endswith(started["timestamp"])


def test_neither_the_api_nor_an_import_is_taken_for_a_hook(machine):
    install(machine)
    V1Session(KiroHome(machine.home), workspace=str(machine.root)).turn([0.5])
    tokentrack(machine, "import")
    machine.send("agentExecutionCompleted", tokens_used=5)
    assert len(machine.rows()) == 2
    assert having(findings(machine), "no hook has recorded a turn", "warning")


def test_it_fits_a_narrow_terminal_and_leaves_commands_whole(machine):
    install(machine, "--surface", "ide-0")
    V1Session(KiroHome(machine.home))
    ours, theirs = pty.openpty()
    narrow = {**machine.environment, "COLUMNS": "60"}
    command = [sys.executable, "-m", "tokentrack", "doctor"]
    done = subprocess.Popen(command, cwd=machine.root, env=narrow, stdout=theirs)
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while chunk := os.read(ours, 65536):
            text += chunk
    os.close(ours)
    done.wait()
    lines = text.decode().split("\r\n")
    paths = ("/", "fix: ")
    assert not [line for line in lines if len(line) > 60 and not any(p in line for p in paths)]
    assert "          fix: tokentrack migrate-hooks .kiro/hooks/token-tracking.kiro.hook" in lines
