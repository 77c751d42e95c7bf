"""Which hooks are installed, in every place, and which of them fire."""

import json
import os

import pytest

from support.hook_files import IDE0, V1, Machine, shipped
from tokentrack.hookfiles.installed import installed_hooks


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def listed(machine):
    hooks = installed_hooks(str(machine.root), str(machine.home / ".kiro"))
    return [(hook.surface, hook.trigger, hook.scope, hook.fires) for hook in hooks]


def test_installed_hooks_are_listed_in_every_place(machine):
    machine.put(".kiro/agents/dev.json", "{}")
    machine.run("init", "--surface", "ide-0", "--surface", "cli-2", "--agent", "dev")
    machine.run("init", "--surface", "crew")
    machine.run("init", "--surface", "v1", "--scope", "user")
    assert listed(machine) == [
        ("ide-0", "promptSubmit", "workspace", True),
        ("ide-0", "agentStop", "workspace", True),
        ("v1", "UserPromptSubmit", "user", True),
        ("v1", "Stop", "user", True),
        ("cli-2", "userPromptSubmit", "workspace", True),
        ("cli-2", "stop", "workspace", True),
        ("crew", "UserPromptSubmit", "user", True),
        ("crew", "Stop", "user", True),
    ]


def v1(**changes):
    hook = {
        "name": "n",
        "trigger": "Stop",
        "action": {"type": "command", "command": "tokentrack hook-run"},
    }
    return json.dumps({"version": "v1", "hooks": [hook | changes]})


def ide0(trigger):
    then = {"type": "runCommand", "command": "tokentrack hook-run"}
    return json.dumps({"name": "n", "version": "1", "when": {"type": trigger}, "then": then})


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        (".kiro/hooks/a.json", v1(), ""),
        (".kiro/hooks/deep/a.json", v1(), ""),
        (".kiro/hooks/a.json", v1(enabled=False), "disabled"),
        (".kiro/hooks/a.json", v1(trigger="agentStop"), 'v1 has no trigger "agentStop"'),
        (".kiro/hooks/a.json", v1()[:-1], "not JSON"),
        (".kiro/hooks/a.kiro.hook", v1(), "only from .json files"),
        (".kiro/hooks/a.kiro.hook", ide0("agentStop"), ""),
        (".kiro/hooks/a.kiro.hook", ide0("agentExecutionCompleted"), "no released Kiro fires"),
        (".kiro/hooks/a.json", ide0("agentStop"), "only .kiro.hook files"),
        ("~/.kiro/hooks/a.kiro.hook", ide0("agentStop"), "only from a workspace"),
        (
            ".kiro/agents/a.json",
            '{"hooks": {"stop": [{"hooks": [{"command": "tokentrack hook-run"}]}]}}',
            "nested",
        ),
    ],
)
def test_a_hook_that_would_not_fire_says_why(machine, path, content, reason):
    machine.put(path, content)
    (hook,) = installed_hooks(str(machine.root), str(machine.home / ".kiro"))
    assert hook.path == str(machine.at(path))
    assert hook.fires == (not reason)
    assert reason in hook.reason


def test_an_old_hook_beside_new_sessions_does_not_fire(machine):
    machine.put(IDE0[1], shipped(IDE0[1]))
    machine.put("~/.kiro/sessions/0f/sess_1/session.json")
    assert listed(machine) == [("ide-0", "agentStop", "workspace", False)]


def test_a_linked_hook_is_listed_and_not_followed(machine):
    machine.put("~/outside.json", v1())
    machine.at(".kiro/hooks").mkdir(parents=True)
    machine.at(V1).symlink_to(machine.at("~/outside.json"))
    machine.at(".kiro/hooks/other.json").symlink_to(machine.at("~/outside.json"))
    (hook,) = installed_hooks(str(machine.root), str(machine.home / ".kiro"))
    assert (hook.path, hook.fires) == (str(machine.at(V1)), False)
    assert "symbolic links" in hook.reason


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[" * 100_000, b"3", b'{"when": 3}', b'{"version": "v1", "hooks": [1, {}]}',
     b'{"when": {"type": 3}, "then": [1]}', b'{"hooks": {"stop": 3, "a": [3]}}'],
)  # fmt: skip
def test_broken_and_foreign_files_are_passed_over(machine, content):
    for path in (".kiro/hooks/a.json", ".kiro/hooks/a.kiro.hook", ".kiro/agents/a.json"):
        machine.put(path, content)
    machine.put("~/.kiro/crew/hooks.json", content)
    machine.at(".kiro/hooks/loop").symlink_to(machine.at(".kiro"))
    os.mkfifo(machine.at(".kiro/hooks/pipe.json"))
    assert listed(machine) == []
    machine.run("uninstall")
