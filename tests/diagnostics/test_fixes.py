"""The doctor's promise: every finding with the command or the step that fixes it.

Each case makes one finding, does what it says, and looks again: the finding must be gone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from support.ledgers import posix_only
from tokentrack.common.resources import read_text
from tokentrack.diagnostics import hooks
from tokentrack.diagnostics.checks import CHECKS
from tokentrack.diagnostics.folders import check_folder
from tokentrack.diagnostics.program import check_programs
from tokentrack.diagnostics.recording import check_ledger
from tokentrack.diagnostics.setup import Setup

BIN = Path(sys.executable).parent
IDE0 = ("token-tracking-start.kiro.hook", "token-tracking.kiro.hook")
RUN = "tokentrack hook-run"


@pytest.fixture
def space(machine, monkeypatch):
    monkeypatch.chdir(machine.root)
    machine.environment["PATH"] = f"{BIN}:{os.defpath}"
    return machine


def put(machine, path, content=None):
    """Write a file of the workspace, or with `~/` of the home; without content a shipped one."""
    target = machine.home / path[2:] if path.startswith("~/") else machine.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        content = read_text("hooks", target.name)
    target.write_text(content if isinstance(content, str) else json.dumps(content))
    return target


def newer(machine):
    V1Session(KiroHome(machine.home))


def older(machine):
    IdeStorage(KiroHome(machine.home)).execution([0.5])


def both_0x(machine, folder=".kiro/hooks"):
    for name in IDE0:
        put(machine, f"{folder}/{name}")


def v1(trigger="Stop", command=RUN, **more):
    hook = {"name": "n", "trigger": trigger, "action": {"type": "command", "command": command}}
    return {"version": "v1", "hooks": [hook | more]}


def ide0(trigger, command=RUN):
    then = {"type": "runCommand", "command": command}
    return {"name": "n", "version": "1", "when": {"type": trigger}, "then": then}


def ask(trigger="agentStop"):
    then = {"type": "askAgent", "prompt": "sum up"}
    return {"name": "mine", "version": "1", "when": {"type": trigger}, "then": then}


def agent(entries):
    return {"name": "dev", "hooks": entries}


def wrong(machine):
    """Return what is wrong with the hooks, by message."""
    setup = Setup(str(machine.root), machine.environment)
    checks = [check for check in CHECKS if check.run.__module__ == hooks.__name__]
    found = [finding for check in checks for finding in check.run(setup)]
    return {f.message: f for f in found if f.level != "ok"}


def run(machine, command):
    done = subprocess.run(command, shell=True, cwd=machine.root, env=machine.environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def find(machine, text):
    (found,) = [f for message, f in wrong(machine).items() if text in message]
    return found


COMMANDS = {
    "nothing": (lambda _: None, "no hook is installed"),
    "nothing, newer": (newer, "no hook is installed"),
    "nothing, an agent": (lambda m: put(m, ".kiro/agents/dev.json", agent({})), "no hook is"),
    "nothing, crew": (lambda m: put(m, "~/.kiro/crew/x.json", "{}"), "no hook is installed"),
    "a foreign file in the way": (
        lambda m: put(m, ".kiro/hooks/tokentrack.json", {"version": "v1", "hooks": []}),
        "no hook is installed",
    ),
    "inert hooks": (lambda m: (both_0x(m), newer(m)), "agentStop in"),
    "inert start": (lambda m: (both_0x(m), newer(m)), "promptSubmit in"),
    "inert file with a space": (
        lambda m: (put(m, ".kiro/hooks/a b.kiro.hook", ask()), newer(m)), "is inert",
    ),
    "an old trigger": (
        lambda m: put(m, ".kiro/hooks/x.kiro.hook", ide0("agentExecutionCompleted")),
        "no released Kiro fires",
    ),
    "an old trigger in our file, older": (
        lambda m: (older(m), put(m, f".kiro/hooks/{IDE0[1]}", ide0("agentExecutionCompleted"))),
        "no released Kiro fires",
    ),
    "an old trigger, newer": (
        lambda m: (newer(m), put(m, ".kiro/hooks/x.kiro.hook", ide0("agentExecutionCompleted"))),
        "no released Kiro fires",
    ),
    "a user's file of the first documents": (
        lambda m: put(m, ".kiro/hooks/x.kiro.hook", ask("agentExecutionCompleted")),
        "no released Kiro fires",
    ),
    "another's trigger in our file": (
        lambda m: put(m, ".kiro/hooks/tokentrack.json", v1("agentStop")), "has no trigger",
    ),
    "another's trigger": (
        lambda m: put(m, "~/.kiro/hooks/x.json", v1("agentStop")), "has no trigger",
    ),
    "not JSON": (
        lambda m: put(m, ".kiro/hooks/tokentrack.json", json.dumps(v1())[:-1]), "not JSON",
    ),
    "v1 in a .kiro.hook": (lambda m: put(m, ".kiro/hooks/x.kiro.hook", v1()), ".json files"),
    "0.x in the user's folder": (
        lambda m: (older(m), both_0x(m, "~/.kiro/hooks")), "agentStop in",
    ),
    "0.x in the user's folder, newer": (
        lambda m: (newer(m), both_0x(m, "~/.kiro/hooks")), "agentStop in",
    ),
    "a program that is gone": (
        lambda m: put(m, ".kiro/hooks/tokentrack.json", v1(command=f"/opt/none/{RUN}")),
        "can't be started",
    ),
    "a program that is gone, agent": (
        lambda m: put(m, ".kiro/agents/dev.json", agent({"stop": [{"command": f"/no/{RUN}"}]})),
        "can't be started",
    ),
    "only a start": (
        lambda m: put(m, ".kiro/hooks/tokentrack.json", v1("UserPromptSubmit")),
        "no hook fires at the end of a turn",
    ),
    "two scopes": (
        lambda m: (put(m, ".kiro/hooks/tokentrack.json"), put(m, "~/.kiro/hooks/tokentrack.json")),
        "v1 Stop is installed in two scopes",
    ),
    "two scopes, another name": (
        lambda m: (put(m, ".kiro/hooks/tokentrack.json"), put(m, "~/.kiro/hooks/x.json", v1())),
        "v1 Stop is installed in two scopes",
    ),
    "a surface without a hook": (
        lambda m: (put(m, ".kiro/hooks/tokentrack.json"), older(m)), "ide-0 is in use",
    ),
    "an agent without a hook": (
        lambda m: (put(m, ".kiro/hooks/tokentrack.json"),
                   put(m, "~/.kiro/agents/my agent.json", {"name": "my agent"})),
        "cli-2 is in use",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", COMMANDS)
def test_the_command_that_a_finding_offers_fixes_it(space, case):
    make, text = COMMANDS[case]
    make(space)
    found = find(space, text)
    assert found.fix.startswith("tokentrack ")
    run(space, found.fix)
    after = wrong(space)
    assert found.message not in after
    assert found.fix not in {other.fix for other in after.values()}


def test_a_command_that_does_nothing_would_be_caught(space):
    # The control: the finding stays when nothing was fixed.
    make, text = COMMANDS["inert hooks"]
    make(space)
    found = find(space, text)
    run(space, "true")
    assert found.message in wrong(space)


def replace(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def link(machine, name):
    outside = put(machine, "~/outside", read_text("hooks", name))
    path = machine.root / ".kiro" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside)
    return path


STEPS = {
    "switched off": (
        lambda m: put(m, ".kiro/hooks/tokentrack.json", v1(enabled=False)),
        "disabled", 'set "enabled" to true',
        lambda p: replace(p, '"enabled": false', '"enabled": true'),
    ),
    "nested": (
        lambda m: put(m, ".kiro/agents/dev.json",
                      agent({"stop": [{"hooks": [{"command": RUN}]}]})),
        "nested", 'write the hook as "stop": [{"command": "tokentrack hook-run --event stop"}]',
        lambda p: p.write_text(json.dumps(agent({"stop": [{"command": f"{RUN} --event stop"}]}))),
    ),
    "an unknown event of an agent": (
        lambda m: put(m, ".kiro/agents/dev.json", agent({"Stop": [{"command": RUN}]})),
        'has no trigger "Stop"', 'replace "Stop" with "stop"',
        lambda p: replace(p, '"Stop"', '"stop"'),
    ),
    "0.x in a .json, as it should be named": (
        lambda m: (put(m, f".kiro/hooks/{IDE0[1]}", "{}"),
                   put(m, ".kiro/hooks/x.json", ide0("agentStop")))[1],
        "only .kiro.hook files", "rename the file to x.kiro.hook",
        lambda p: p.rename(p.with_name("x.kiro.hook")),
    ),
    "a link": (
        lambda m: link(m, "tokentrack.json"), "symbolic links", "then run `tokentrack init",
        lambda p: p.unlink() or put_shipped(p),
    ),
    "a program that is gone": (
        lambda m: put(m, "~/.kiro/hooks/x.json", v1(command=f"/opt/none/{RUN}")),
        "/opt/none/tokentrack can't be started",
        'set its command to "tokentrack hook-run --event Stop"',
        lambda p: replace(p, f"/opt/none/{RUN}", f"{RUN} --event Stop"),
    ),
    "a linked file of the user's": (
        lambda m: (newer(m), put(m, "~/mine", ask()), linked(m, "mine.kiro.hook"))[-1],
        "is inert", "replace it with a real file", lambda p: p.unlink(),
    ),
}  # fmt: skip


def linked(machine, name):
    path = machine.root / ".kiro" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(machine.home / "mine")
    return path


def put_shipped(path):
    path.write_text(read_text("hooks", path.name))


@pytest.mark.parametrize("case", STEPS)
def test_the_step_that_a_finding_names_fixes_it(space, case):
    make, text, fix, do = STEPS[case]
    path = make(space)
    found = find(space, text)
    assert fix in found.fix
    do(path)
    assert found.message not in wrong(space)


def test_after_the_migration_of_an_own_file_all_is_said(space):
    put(space, ".kiro/hooks/mine.kiro.hook", ask())
    put(space, ".kiro/hooks/tokentrack.json")
    newer(space)
    run(space, find(space, "is inert").fix)
    assert wrong(space) == {}
    # People go on with the new file: it is still the old one's successor.
    replace(space.root / ".kiro/hooks/mine.json", "sum up", "be brief")
    assert wrong(space) == {}


def test_one_cause_is_told_once_and_by_no_second_command(space):
    both_0x(space)
    newer(space)
    found = wrong(space)
    assert len(found) == 2  # a file each
    assert all(f.fix.startswith("tokentrack migrate-hooks ") for f in found.values())
    run(space, next(iter(found.values())).fix)
    assert wrong(space) == {}


def test_a_named_workspace_is_named_in_the_command(space, monkeypatch):
    monkeypatch.chdir(space.home)
    found = find(space, "no hook is installed")
    assert found.fix == f"tokentrack init --workspace {space.root}"
    run(space, found.fix)
    assert wrong(space) == {}


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("elsewhere")])
def test_a_folder_that_is_none_is_moved_away(space, make):
    path = space.root / ".kiro"
    path.rmdir()
    make(path)
    setup = Setup(str(space.root), space.environment)
    (found,) = check_folder(setup)
    assert found.level == "problem"
    run(space, found.fix)
    assert [f.level for f in check_folder(setup)] == ["ok"]
    setup.paths.open_folder(create=True).close()


def test_a_link_that_the_user_made_of_the_own_folder_is_fine(tmp_path):
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "dotfiles")
    ledger = f"{tmp_path}/home/token_transactions.csv"
    environment = {"HOME": str(tmp_path), "KIRO_TOKEN_TRACKER_CSV_FILE_PATH": ledger}
    setup = Setup(str(tmp_path), environment)
    assert setup.paths.path == ledger
    assert [f.level for f in check_folder(setup)] == ["ok"]


IN_THE_WAY = {
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("elsewhere"),
    "a second hard link": lambda path: (path.write_text(""), os.link(path, f"{path}.other")),
    "a FIFO": os.mkfifo,
}


@posix_only
@pytest.mark.parametrize("name", ["token_transactions.csv", "token_usage.csv"])
@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_place_of_a_ledger_is_moved_by_the_fix(space, case, name):
    IN_THE_WAY[case](space.folder / name)
    (found,) = check_ledger(Setup(str(space.root), space.environment))
    assert name in found.message
    run(space, found.fix)
    assert list(check_ledger(Setup(str(space.root), space.environment))) == []


PROGRAMS = [
    (RUN, "tokentrack"),
    (f"cd /tmp && {RUN} --event Stop 2>/dev/null", "tokentrack"),
    (f"A=1 exec {RUN}", "tokentrack"),
    (f"uvx {RUN}", "uvx"),
    (f"{sys.executable} -m {RUN}", ""),
    (f"$HOME/bin/{RUN}", "tokentrack"),  # only a shell can tell, so the shipped command is taken
    (f"{BIN}/{RUN}", ""),
    (f'"{BIN}/tokentrack" hook-run', ""),
]


@pytest.mark.parametrize(("command", "missing"), PROGRAMS)
def test_the_program_of_each_hook_is_looked_up(space, command, missing):
    put(space, ".kiro/hooks/tokentrack.json", v1(command=command))
    setup = Setup(str(space.root), {**space.environment, "PATH": "/usr/bin:/bin"})
    assert [f.message for f in check_programs(setup)] == (
        [f"`{missing}` is not on PATH; if Kiro has the same PATH, its hooks cannot start"]
        if missing
        else []
    )
