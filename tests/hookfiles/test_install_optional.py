"""`tokentrack init --optional`: hooks that a colleague without the program does not notice."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.hook_files import IDE0, V1, Machine
from support.kiro import installed_command
from tokentrack.hookfiles.entries import agent_entries, entries

GUARD = "command -v tokentrack >/dev/null 2>&1 || exit 0; exec tokentrack hook-run"
AGENT = ".kiro/agents/dev.json"
CREW = "~/.kiro/crew/hooks.json"
# By the options of init: the files that it writes.
FILES = {
    ("--surface", "ide-0"): IDE0,
    ("--surface", "v1"): [V1],
    ("--surface", "v1", "--scope", "user"): ["~/" + V1],
    ("--agent", "dev", "--surface", "cli-2"): [AGENT],
    ("--surface", "crew"): [CREW],
}


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    machine.put(AGENT, json.dumps({"name": "dev"}, indent=2))
    return machine


def commands_of(machine, path):
    document = json.loads(machine.at(path).read_text())
    found = agent_entries(document) if path == AGENT else entries(document)
    return [entry.command for entry in found]


def run_hook(machine, command, path, shell="sh"):
    """Run a hook's command as Kiro does; return its exit code and all that it prints."""
    payload = {"session_id": "s", "hook_event_name": "Stop", "prompt": "p"}
    done = subprocess.run(
        [f"/bin/{shell}", "-c", command], cwd=machine.root, env={**machine.env, "PATH": path},
        input=json.dumps(payload).encode(), capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", FILES)
def test_where_the_program_is_missing_a_hook_is_silent_and_elsewhere_it_records(machine, words):
    machine.run("init", "--optional", *words)
    found = [command for path in FILES[words] for command in commands_of(machine, path)]
    assert len(found) == 2
    assert all(command.startswith(GUARD) for command in found)
    program = str(Path(installed_command()[0]).parent)
    for shell in ("sh", "bash"):
        assert [run_hook(machine, c, "/nowhere", shell) for c in found] == [(0, b""), (0, b"")]
    assert not (machine.root / ".kiro" / "token_transactions.csv").exists()
    path = os.pathsep.join([program, os.defpath])
    assert [run_hook(machine, command, path) for command in found] == [(0, b""), (0, b"")]
    assert (machine.root / ".kiro" / "token_transactions.csv").read_text().count("\n") == 2


def test_the_plain_form_is_noticed_where_the_program_is_missing(machine):
    machine.run("init", "--surface", "v1")
    code, noise = run_hook(machine, commands_of(machine, V1)[1], "/nowhere")
    assert code == 127
    assert b"not found" in noise


@pytest.mark.parametrize("words", FILES)
def test_both_forms_are_ours(machine, words):
    before = machine.tree()
    machine.run("init", "--optional", *words)
    optional = machine.tree()
    assert "nothing to do" in machine.run("init", "--optional", *words)
    assert "nothing to do" in machine.run("init", *words)
    assert machine.tree() == optional
    assert ": error" not in machine.run("validate-hooks", *[machine.at(p) for p in FILES[words]])
    machine.run("uninstall", *words)
    assert machine.tree() == before
    machine.run("init", *words)
    assert "update " in machine.run("init", "--optional", *words)
    assert machine.tree() == optional
    machine.run("uninstall", *words)
    assert machine.tree() == before


def test_status_and_doctor_see_hooks_that_fire(machine):
    machine.run("init", "--optional", "--surface", "v1")
    machine.env["PATH"] = os.pathsep.join([str(Path(installed_command()[0]).parent), os.defpath])
    hooks = json.loads(machine.run("status", "--json"))["hooks"]
    assert [(hook["surface"], hook["fires"]) for hook in hooks] == [("v1", True), ("v1", True)]
    text = machine.run("doctor", "--self-test")
    assert "v1 Stop in .kiro/hooks/tokentrack.json fires" in text
    assert "self-test" in text


def test_a_changed_hook_stays_changed(machine):
    machine.run("init", "--surface", "v1")
    path = machine.at(V1)
    path.write_text(path.read_text().replace('"timeout": 10', '"timeout": 20'))
    changed = path.read_bytes()
    assert "changed since init wrote it" in machine.run("init", "--optional", "--surface", "v1")
    assert path.read_bytes() == changed
    machine.run("init", "--optional", "--surface", "v1", "--force")
    assert commands_of(machine, V1)[0].startswith(GUARD)
