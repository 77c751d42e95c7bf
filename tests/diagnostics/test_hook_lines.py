"""The hooks of each surface in one line."""

import pytest

from tokentrack.diagnostics.hook_lines import hook_lines
from tokentrack.hookfiles.installed import DISABLED, INERT, InstalledHook


def hook(surface, trigger, *, scope="workspace", reason="", cause="", note="", path="a.json"):
    return InstalledHook(
        path, scope, surface, trigger, "tokentrack hook-run", True, not reason, reason, note, cause
    )


START, STOP = hook("v1", "UserPromptSubmit"), hook("v1", "Stop")
IDLE = [
    hook("ide-0", trigger, reason="only IDE 0.x reads this file", cause=INERT, path=trigger)
    for trigger in ("promptSubmit", "agentStop")
]
OFF = STOP._replace(fires=False, reason="it is disabled", cause=DISABLED)


@pytest.mark.parametrize(
    ("hooks", "lines"),
    [
        ([], []),
        ([STOP], ["v1: Stop runs"]),
        ([START, STOP], ["v1: both run"]),
        ([START, STOP, *IDLE], ["v1: both run; 2 files for IDE 0.x idle"]),
        ([START, OFF], ["v1: 1 of 2 hooks run (Stop: it is disabled)"]),
        ([OFF], ["v1: does not run (Stop: it is disabled)"]),
        (
            [OFF, START._replace(fires=False, reason="it is disabled", cause=DISABLED)],
            ["v1: 0 of 2 hooks run (Stop: it is disabled; UserPromptSubmit: it is disabled)"],
        ),
        (
            [START, STOP, hook("cli-2", "stop"), hook("cli-2", "userPromptSubmit")],
            ["v1: both run", "CLI 2: both run"],
        ),
        (
            [hook("v1", "Stop", scope="user"), hook("v1", "UserPromptSubmit", scope="user")],
            ["v1: both run, installed for all workspaces"],
        ),
        ([STOP, STOP._replace(note="unsure"), START], ["v1: all 3 run (unsure)"]),
    ],
)
def test_each_surface_is_one_line(hooks, lines):
    assert hook_lines(hooks) == lines
