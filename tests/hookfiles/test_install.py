"""`tokentrack init`: what it writes, what it refuses, and what it leaves alone."""

import json
import os
import stat

import pytest

from support.hook_files import IDE0, OURS, V1, Machine, shipped
from tokentrack.common.resources import read_json
from tokentrack.hookfiles.install import create_hook_files


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_without_a_trace_of_kiro_both_workspace_forms_are_installed(machine):
    output = machine.run("init")
    assert {p: machine.at(p).read_bytes() for p in [*IDE0, V1]} == {
        p: shipped(p) for p in [*IDE0, V1]
    }
    assert f"create {V1} (v1: fires on UserPromptSubmit and Stop)" in output
    assert "next: run a turn in Kiro, then `tokentrack status`" in output
    files = {str(p.relative_to(machine.root)) for p in machine.root.rglob("*") if p.is_file()}
    assert files == {*IDE0, V1, ".gitignore"}


def test_a_second_run_changes_nothing(machine):
    machine.run("init")
    before = machine.tree()
    assert "nothing to do" in machine.run("init")
    assert machine.tree() == before


def test_a_dry_run_prints_the_plan_and_writes_nothing(machine):
    before = machine.tree()
    planned = [line for line in machine.run("init", "--dry-run").splitlines() if "(" in line]
    assert machine.tree() == before
    assert planned
    assert set(planned) <= set(machine.run("init").splitlines())


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["--surface", "ide-0"], IDE0),
        (["--surface", "v1"], [V1]),
        (["--surface", "v1", "--surface", "v1"], [V1]),
        (["--surface", "v1", "--scope", "user"], ["~/" + V1]),
        (["--scope", "user"], ["~/" + V1]),
        (["--surface", "crew"], ["~/.kiro/crew/hooks.json"]),
        (["--surface", "crew", "--scope", "user"], ["~/.kiro/crew/hooks.json"]),
        (["--surface", "crew", "--surface", "v1"], ["~/.kiro/crew/hooks.json", V1]),
    ],
)
def test_each_surface_has_its_files(machine, arguments, paths):
    machine.run("init", "--track", *arguments)
    written = {path for path, content in machine.tree().items() if content is not None}
    assert written == {str(machine.at(path)) for path in paths}


def test_kiro_home_takes_the_place_of_the_home_folder(machine):
    machine.env["KIRO_HOME"] = str(machine.home / "elsewhere")
    machine.run("init", "--scope", "user")
    assert machine.at("~/elsewhere/hooks/tokentrack.json").exists()


def test_the_named_workspace_is_the_root(machine):
    machine.put("sub/file")
    machine.run("init", "--workspace", "sub")
    assert machine.at("sub/" + V1).exists()
    assert machine.at("sub/.gitignore").exists()


def test_from_a_sub_folder_the_workspace_is_found(machine):
    machine.put(".git/HEAD")
    machine.put("a/b/file")
    inner, machine.root = machine.root, machine.root / "a/b"
    machine.run("init")
    assert (inner / V1).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--surface", "ide-0", "--scope", "user"], "only from a workspace"),
        (["--surface", "crew", "--scope", "workspace"], "only from the user's folder"),
        (["--surface", "cli-2"], "needs --agent NAME"),
        (["--surface", "v1", "--agent", "x"], "add --surface cli-2"),
        (["--agent", "../x"], "agent's name only"),
        (["--agent", ".."], "agent's name only"),
        (["--agent", ""], "agent's name only"),
        (["--surface", "v2"], "v2"),
        (["--workspace", "missing"], "missing"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(machine, arguments, said):
    assert said in machine.run("init", *arguments, code=2)
    assert machine.tree() == {}


def test_a_foreign_file_is_never_overwritten(machine):
    machine.put(V1, '{"version": "v1", "hooks": []}')
    before = machine.tree()
    output = machine.run("init", code=1)
    assert f"refuse {V1} (was not written by tokentrack: move it, or use --force" in output
    assert "create" not in output
    assert machine.tree() == before


def test_force_keeps_the_original_beside_it_each_time(machine):
    for number, name in enumerate(["", ".1", ".2"]):
        machine.put(V1, f"foreign {number}")
        machine.run("init", "--surface", "v1", "--force")
        assert machine.at(V1).read_bytes() == shipped(V1)
        assert machine.at(f"{V1}.orig{name}").read_text() == f"foreign {number}"


def test_what_the_user_changed_stays_unless_forced(machine):
    changed = shipped(V1).replace(b'"timeout": 10', b'"timeout": 20')
    machine.put(V1, changed)
    assert "--force resets it" in machine.run("init", "--surface", "v1")
    assert machine.at(V1).read_bytes() == changed
    machine.run("init", "--surface", "v1", "--force")
    assert machine.at(V1).read_bytes() == shipped(V1)
    assert machine.at(V1 + ".orig").read_bytes() == changed


def test_a_reformatted_file_is_still_up_to_date(machine):
    machine.put(V1, json.dumps(read_json("hooks", "tokentrack.json"), sort_keys=True))
    assert "nothing to do" in machine.run("init", "--track", "--surface", "v1")


AGENT = """{\r
\t"name": "übung",\r
\t"limit": 1.0, "huge": 12345678901234567890, "exp": 1e5,\r
\t"tools": [ "*" ],\r
\t"hooks": {"agentSpawn": [{"command": "git status"}]},\r
\t"note": "\\u00e9\\/"\r
}"""


def test_a_merge_keeps_every_other_byte_of_an_agent_config(machine):
    machine.put(".kiro/agents/dev.json", AGENT)
    machine.run("init", "--surface", "cli-2", "--agent", "dev")
    start = '{"command": "tokentrack hook-run --event userPromptSubmit", "timeout_ms": 10000}'
    stop = '{"command": "tokentrack hook-run --event stop", "timeout_ms": 10000}'
    added = f', "userPromptSubmit": [{start}], "stop": [{stop}]'
    assert machine.at(".kiro/agents/dev.json").read_bytes().decode() == AGENT.replace(
        '"git status"}]', '"git status"}]' + added
    )


def test_an_indented_agent_config_stays_as_json_writes_it(machine):
    agent = {"name": "dev", "hooks": {"stop": [{"command": "say done"}]}, "tools": ["a", "b"]}
    path = machine.put("~/.kiro/agents/dev.json", json.dumps(agent, indent="\t") + "\n")
    machine.run("init", "--surface", "cli-2", "--agent", "dev", "--scope", "user")
    block = read_json("hooks", "cli-agent.json")["hooks"]
    agent["hooks"]["stop"] += block["stop"]
    agent["hooks"]["userPromptSubmit"] = block["userPromptSubmit"]
    assert path.read_text() == json.dumps(agent, indent="\t") + "\n"
    assert "nothing to do" in machine.run("init", "--agent", "dev", "--scope", "user")


def test_a_replaced_file_keeps_its_mode(machine):
    path = machine.put(".kiro/agents/dev.json", "{}")
    path.chmod(0o600)
    machine.run("init", "--agent", "dev")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == read_json("hooks", "cli-agent.json")


def test_new_files_and_folders_have_the_modes_of_the_umask(machine):
    machine.run("init")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(machine.at(V1).stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE(machine.at(".kiro/hooks").stat().st_mode) == 0o777 & ~mask


def test_a_mask_that_allows_all_makes_no_hook_file_that_others_can_write(machine):
    before = os.umask(0)
    try:
        machine.run("init")
    finally:
        os.umask(before)
    assert stat.S_IMODE(machine.at(V1).stat().st_mode) == 0o644
    assert stat.S_IMODE(machine.at(".kiro/hooks").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{\n "a": 1\n,', "line 3 is not JSON"),
        (b'{\n "a": 1,\n "b": {"a": 1},\n "a": 2\n}', 'line 4 has the key "a" a second time'),
        (b'{"hooks": {\n "Stop": [{"hooks": [{"command": "x"}]}]}}', "line 2: the hooks of"),
        (b'{"hooks": {"stop": {"command": "x"}}}', "not in the flat form"),
        (b'{"hooks": []}', "line 1: `hooks` is not an object"),
        (b'{"hooks": null}', "line 1: `hooks` is not an object"),
        (b'{"a": NaN}', "contains NaN"),
        (b"\n\xff{}", "line 2 is not UTF-8"),
        (b"[]", "is not a JSON object"),
        (b"", "line 1 is not JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "nested more than 100 levels deep"),
    ],
)
def test_a_broken_agent_config_is_named_and_nothing_is_written(machine, content, said):
    machine.put(".git/HEAD")
    machine.put(".kiro/agents/dev.json", content)
    before = machine.tree()
    output = machine.run("init", "--agent", "dev", code=1)
    assert "refuse .kiro/agents/dev.json (" in output
    assert said in output
    assert machine.tree() == before


def test_a_missing_agent_is_refused_and_the_known_ones_are_named(machine):
    machine.put(".kiro/agents/dev.json", "{}")
    assert "the agents here are: dev" in machine.run("init", "--agent", "typo", code=1)


def test_an_entry_that_the_user_changed_is_reset_by_force_only(machine):
    changed = {"hooks": {"stop": [{"command": OURS, "timeout_ms": 5}, {"command": "x"}]}}
    path = machine.put(".kiro/agents/dev.json", json.dumps(changed))
    machine.run("init", "--agent", "dev")
    assert json.loads(path.read_text())["hooks"]["stop"] == changed["hooks"]["stop"]
    machine.run("init", "--agent", "dev", "--force")
    ours, other = json.loads(path.read_text())["hooks"]["stop"]
    assert (ours["timeout_ms"], other) == (10000, {"command": "x"})
    assert machine.at(".kiro/agents/dev.json.orig").exists()


def test_an_event_that_kiro_does_not_know_is_pointed_out(machine):
    machine.put(".kiro/agents/dev.json", '{"hooks": {"Stop": []}}')
    assert "unknown events: Stop" in machine.run("init", "--agent", "dev")


@pytest.mark.parametrize("outer", ['{"hooks": [%s]}', "[%s]"])
def test_crew_hooks_are_merged_into_an_existing_file(machine, outer):
    other = '{"name": "other", "event": "Stop", "command": "x"}'
    path = machine.put("~/.kiro/crew/hooks.json", outer % other)
    machine.run("init", "--surface", "crew")
    document = json.loads(path.read_text())
    hooks = document["hooks"] if isinstance(document, dict) else document
    assert hooks == [json.loads(other), *read_json("hooks", "crew-hooks.json")["hooks"]]
    assert "nothing to do" in machine.run("init", "--surface", "crew")


def test_a_crew_file_of_another_form_is_refused(machine):
    machine.put("~/.kiro/crew/hooks.json", '{"a": 1}')
    assert "has no list of hooks" in machine.run("init", "--surface", "crew", code=1)


@pytest.mark.parametrize("link", [".kiro", ".kiro/hooks", V1, ".gitignore"])
def test_nothing_is_written_through_a_link(machine, link):
    machine.put(".git/HEAD")
    outside = machine.put("~/outside/file").parent
    machine.at(link).parent.mkdir(parents=True, exist_ok=True)
    machine.at(link).symlink_to(
        outside if link.startswith(".kiro") and link != V1 else outside / "file"
    )
    before = machine.tree()
    output = machine.run("init", "--surface", "v1", "--force", code=1)
    assert f"{link} is a symbolic link" in output
    assert machine.tree() == before


def test_a_pipe_in_the_way_is_refused_without_waiting(machine):
    machine.at(".kiro/hooks").mkdir(parents=True)
    os.mkfifo(machine.at(V1))
    assert "is not a regular file" in machine.run("init", code=1)


def test_a_folder_that_cannot_be_written_is_one_line(machine):
    machine.put(".kiro", "a file")
    assert "Not a directory" in machine.run("init", code=1)


@pytest.mark.parametrize(
    ("path", "surface"),
    [
        (".kiro/hooks/deep/a.kiro.hook", "ide-0"),
        ("~/.config/Kiro/User/globalStorage/kiro.kiroagent/x", "ide-0"),
        ("~/Library/Application Support/Kiro/User/globalStorage/kiro.kiroagent/x", "ide-0"),
        ("~/.kiro-server/data/User/globalStorage/kiro.kiroagent/x", "ide-0"),
        ("~/.kiro/sessions/0f/sess_1/session.json", "v1"),
        ("~/.kiro/hooks/mine.json", "v1"),
        (".kiro/hooks/mine.json", "v1"),
        ("~/.kiro/sessions/cli/a.json", "cli-2"),
        (".kiro/agents/dev.json", "cli-2"),
        ("~/.kiro/agents/dev.json", "cli-2"),
        ("~/.kiro/crew/x", "crew"),
    ],
)
def test_a_surface_in_use_is_found_and_the_reason_is_shown(machine, path, surface):
    machine.put(path, '{"version": "v1", "hooks": []}')
    found = [line for line in machine.run("init").splitlines() if line.startswith("found ")]
    assert len(found) == 1
    assert found[0].startswith(f"found {surface}: ")
    assert found[0].endswith(" exists")


@pytest.mark.parametrize(
    ("evidence", "arguments", "said"),
    [
        ("~/.kiro/sessions/cli/a.json", [], "tokentrack init --surface cli-2 --agent NAME"),
        ("~/.kiro/crew/x", [], "tokentrack init --surface crew --scope user"),
        (".kiro/hooks/a.kiro.hook", ["--scope", "user"], "tokentrack init --surface ide-0"),
    ],
)
def test_what_cannot_be_installed_so_is_skipped_with_the_way_to_do_it(
    machine, evidence, arguments, said
):
    machine.put(evidence)
    before = machine.tree()
    output = machine.run("init", *arguments)
    assert any(line.startswith("skip ") and said in line for line in output.splitlines())
    assert machine.tree() == before


def test_a_hook_in_both_scopes_is_warned_of(machine):
    machine.run("init", "--scope", "user")
    output = machine.run("init", "--surface", "v1")
    assert "warning: " in output
    assert "tokentrack uninstall --scope user" in output


def test_a_hook_in_the_home_folder_is_warned_of_once(machine):
    machine.root = machine.home
    output = machine.run("init", "--surface", "v1")
    assert output.count("these hooks fire in every workspace") == 1
    assert not machine.at(".gitignore").exists()
    assert (
        "warning"
        not in machine.run("init", "--surface", "v1", "--scope", "user").partition("nothing to do")[
            0
        ]
    )


def test_a_folder_of_no_project_gets_nothing_unless_it_is_named(machine):
    machine.env["TMPDIR"] = str(machine.root)
    for arguments in ([], ["--surface", "crew", "--surface", "v1"], ["--dry-run"]):
        output = machine.run("init", *arguments, code=1)
        assert output == "Error: this folder is not a project: cd into one, or add --scope user\n"
    assert machine.tree() == {}
    machine.run("init", "--scope", "user")
    machine.run("init", "--surface", "crew")
    assert list(machine.root.iterdir()) == []
    machine.run("init", "--workspace", ".")
    assert machine.at(V1).exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--scope", "user"], True), (["--surface", "crew"], True), (["--surface", "v1"], False)],
)
def test_hooks_of_the_user_are_said_to_keep_their_records_out_of_git(machine, arguments, expected):
    assert (".kiro/.gitignore" in machine.run("init", *arguments)) == expected


def test_a_command_that_is_not_on_path_is_warned_of(machine):
    assert "`tokentrack` is not on PATH" in machine.run("init")
    program = machine.put("~/bin/tokentrack")
    program.chmod(0o755)
    machine.env["PATH"] = str(program.parent)
    assert "PATH" not in machine.run("init")


def test_control_characters_of_a_path_are_escaped(machine):
    machine.put("a\x1b[31m\u202eb/file")
    output = machine.run("init", "--workspace", "a\x1b[31m\u202eb")
    assert "create a\\x1b[31m\\u202eb/.kiro/hooks" in output


def test_the_api_creates_what_is_absent_and_overwrites_nothing(tmp_path):
    root = tmp_path / "ws"
    (root / ".kiro/hooks").mkdir(parents=True)
    (root / V1).write_text("mine")
    assert create_hook_files(str(root)) == [str(root / path) for path in IDE0]
    assert create_hook_files(str(root)) == []
    assert (root / V1).read_text() == "mine"
