"""`tokentrack doctor`: each finding, with what mends it; and none of them on a sound machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kiro_homes import KiroHome
from kiro_homes.ide import IdeStorage
from kiro_homes.v1 import V1Session
from tokentrack.doctor.folders import examine_folders
from tokentrack.store.place import workspace_place

BIN = Path(sys.executable).parent


def tokentrack(machine, *arguments, code=0, path=None):
    found = f"{BIN}:{machine.environment['PATH']}" if path is None else path
    result = subprocess.run(
        [sys.executable, "-m", "tokentrack", *arguments], cwd=machine.root,
        env={**machine.environment, "PATH": found}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in result.stderr, result.stderr
    assert result.returncode in (code, None), result.stderr + result.stdout
    return result.stdout


def findings(machine, *arguments, code=0, **options):
    facts = json.loads(tokentrack(machine, "doctor", "--json", *arguments, code=code, **options))
    assert facts["schema_version"] == 1
    return facts["findings"]


def having(found, text, level):
    """Return the findings of a level whose message has a text; each says what mends it."""
    wanted = [f for f in found if text in f["message"] and f["level"] == level]
    assert all(f["mend"] for f in wanted if level != "ok")
    return wanted


def install(machine, *arguments):
    tokentrack(machine, "init", *arguments)


def test_a_sound_machine_has_no_problem_and_says_how_long_a_hook_takes(machine):
    install(machine)
    machine.send("Stop")
    found = findings(machine)
    assert not [f for f in found if f["level"] == "problem"]
    assert len(having(found, "fires", "ok")) == 4
    assert having(found, "last recorded a turn", "ok")
    assert [f for f in found if f["area"] == "speed" and "a hook takes" in f["message"]]
    assert "hooks: v1 Stop" in tokentrack(machine, "doctor")


def test_without_hooks_and_program_it_says_so_and_fails(machine, tmp_path):
    found = findings(machine, code=1, path=str(tmp_path))
    assert having(found, "no hook is installed", "problem")[0]["mend"] == "tokentrack init"
    assert having(found, "no `tokentrack` is on PATH", "problem")
    assert having(found, "no trace of any Kiro", "warning")


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
    (inert,) = having(found, "is inert", "warning")
    assert inert["mend"].startswith("tokentrack migrate-hooks")
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


def test_the_same_hook_in_two_scopes_is_told(machine):
    install(machine, "--surface", "v1")
    assert not having(findings(machine), "two scopes", "warning")
    install(machine, "--surface", "v1", "--scope", "user")
    assert len(having(findings(machine), "two scopes", "warning")) == 2


@pytest.mark.parametrize(("script", "what"), [
    ("#!/usr/bin/env bash\nexec pyenv exec tokentrack\n", "pyenv"),
    ('#!/bin/sh\nexec uvx tokentrack "$@"\n', "uvx"),
    ("#!/usr/bin/python3\nimport re\nimport sys\n", "imports `re`"),
    ("#!/usr/bin/python3\nimport sys\n", None),
])  # fmt: skip
def test_a_slow_launcher_is_told_and_a_fast_one_is_not(machine, tmp_path, script, what):
    program = tmp_path / "bin" / "tokentrack"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    result = subprocess.run(
        [sys.executable, "-m", "tokentrack", "doctor", "--json"], cwd=machine.root,
        env={**machine.environment, "PATH": f"{program.parent}:/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = json.loads(result.stdout)["findings"]
    (seen,) = [f for f in found if f["area"] == "program" and str(program) in f["message"]
               and "shorter PATH" not in f["message"]]  # fmt: skip
    assert (seen["level"], what is None or what in seen["message"]) == (
        "warning" if what else "ok", True,
    )  # fmt: skip


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
    place = workspace_place(str(root), ".kiro/token_transactions.csv")
    found = [f.message for f in examine_folders(place, str(mounts)) if f.level == "warning"]
    assert len(found) == len(expected)
    assert all(part in message for part, message in zip(expected, found, strict=True))


@pytest.mark.parametrize("surface", ["ide-0", "v1"])
def test_the_self_test_fires_the_installed_hook_and_leaves_no_row_here(machine, surface):
    install(machine, "--surface", surface)
    found = findings(machine, "--self-test")
    assert having(found, f"a turn of {surface} became its one row", "ok")
    assert machine.rows() == []


def test_the_self_test_fails_where_the_command_is_not_found(machine):
    # The control: the same hooks, and a PATH without the program.
    install(machine, "--surface", "v1")
    found = findings(machine, "--self-test", code=1, path="/usr/bin:/bin")
    assert having(found, "exit code 127", "problem")


def test_the_self_test_runs_no_command_that_a_workspace_brings(machine):
    install(machine, "--surface", "v1")
    path = machine.root / ".kiro" / "hooks" / "tokentrack.json"
    mark = machine.home / "mark"
    text = path.read_text().replace("tokentrack hook-run", f"touch {mark}; tokentrack hook-run")
    path.write_text(text)
    findings(machine, "--self-test", code=1)
    assert not mark.exists()
