"""The hook loads exactly these modules, so its start stays as short as it is."""

import json
import subprocess
import sys

import pytest

from support.hot_path import OWN, STDLIB, bare

_LOADED = """
import sys
{before}
sys.argv = ["tokentrack", "hook-run", *{arguments!r}]
from tokentrack.__main__ import main
main()
with open({note!r}, "w") as file:
    file.write("\\n".join(sys.modules))
"""


def loaded(machine, payload, *arguments, before=""):
    """Return the modules that the hook has loaded at its end, beyond a bare interpreter's."""
    note = machine.home / "modules"
    code = _LOADED.format(arguments=arguments, note=str(note), before=before)
    environment = {**machine.environment, "KIRO_SESSION_ID": "s1"}
    subprocess.run([sys.executable, "-I", "-c", code], check=True, env=environment,
                   cwd=machine.root, input=json.dumps(payload).encode())  # fmt: skip
    return set(note.read_text().split()) - bare()


def turn(machine, before=""):
    """Return what the events of one turn load together."""
    found = set()
    for event in ("UserPromptSubmit", "PostToolUse", "Stop", "UserPromptSubmit", "Stop", "Stop"):
        fields = {"prompt": "p", "tool_input": {"path": "a"}, "cwd": str(machine.root)}
        found |= loaded(machine, {"hook_event_name": event, **fields}, before=before)
    return found


def test_a_turn_loads_exactly_the_modules_of_the_list(machine):
    found = turn(machine)
    assert found - STDLIB - OWN == set(), "new modules: are they worth their milliseconds?"
    assert OWN - found == set(), "no longer loaded: take them off the list"
    assert len(machine.rows()) == 2


def test_a_configuration_tags_git_and_reported_counts_load_nothing_more(machine):
    machine.configure(max_prompt_length=10, hook_name="mine")
    (machine.root / ".git").mkdir()
    (machine.root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    payload = {"hook_event_name": "Stop", "prompt": "word " * 50, "usage": {"input_tokens": 5}}
    found = loaded(machine, payload, "--tag", "a=b", "--hook", "h")
    assert found - STDLIB - OWN == set()


def test_only_where_no_variable_names_the_user_the_password_database_is_loaded(machine):
    named = loaded(machine, {"hook_event_name": "Stop", "prompt": "one"})
    del machine.environment["USER"]
    found = loaded(machine, {"hook_event_name": "Stop", "prompt": "two"})
    assert found - named == {"pwd"} - bare()
    assert len(machine.rows()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("module", ["json", "logging", "dataclasses", "tokentrack.csv_writer"])
def test_the_guard_sees_a_module_that_is_added(machine, module):
    assert turn(machine, before=f"import {module}") - STDLIB - OWN >= {module}
