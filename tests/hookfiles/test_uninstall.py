"""`tokentrack uninstall`: exactly what init wrote goes, everything else stays byte for byte."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.hook_files import IDE0, OURS, V1, Machine, shipped
from tokentrack.hookfiles import gitignore
from tokentrack.hookfiles.merge import EVENTS as AGENT_EVENTS
from tokentrack.hookfiles.merge import merge, unmerge


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--surface", "ide-0", "--surface", "v1"],
        ["--surface", "v1", "--scope", "user"],
        ["--surface", "crew"],
        ["--surface", "crew", "--scope", "user"],
        ["--agent", "dev"],
        ["--agent", "dev", "--surface", "cli-2", "--surface", "v1", "--track"],
    ],
)
def test_init_and_uninstall_give_back_the_tree(machine, arguments):
    machine.put(".git/HEAD")
    machine.put(".kiro/agents/dev.json", json.dumps({"name": "dev"}, indent=2))
    before = machine.tree()
    machine.run("init", *arguments)
    assert machine.tree() != before
    machine.run("uninstall", *arguments)
    assert machine.tree() == before


@pytest.mark.parametrize("ignored", [None, b"", b"a\n", b"a", b"a\r\nb\r\n", b"a\r\nb"])
def test_gitignore_is_given_back(machine, ignored):
    machine.put(".git/HEAD")
    if ignored is not None:
        machine.put(".gitignore", ignored)
    before = machine.tree()
    machine.run("init")
    machine.run("uninstall")
    assert machine.tree() == before


def test_a_tree_without_kiro_has_none_afterwards(machine):
    machine.run("init")
    machine.run("uninstall")
    assert machine.tree() == {}
    assert "nothing to do" in machine.run("uninstall")


def test_without_options_all_of_the_scope_goes(machine):
    for name in ("a", "b"):
        machine.put(f"~/.kiro/agents/{name}.json", "{}")
    before = machine.tree()
    for name in ("a", "b"):
        machine.run("init", "--agent", name, "--surface", "cli-2", "--scope", "user")
    machine.run("init", "--surface", "v1", "--surface", "crew", "--scope", "user")
    machine.run("uninstall", "--scope", "user")
    assert machine.tree() == before


def test_a_dry_run_prints_the_plan_and_removes_nothing(machine):
    machine.run("init")
    before = machine.tree()
    planned = [line for line in machine.run("uninstall", "--dry-run").splitlines() if "(" in line]
    assert machine.tree() == before
    assert planned == machine.run("uninstall").splitlines()


def test_a_file_that_the_user_changed_is_left_and_the_rest_goes(machine):
    machine.run("init")
    changed = machine.put(V1, shipped(V1).replace(b'"timeout": 10', b'"timeout": 20'))
    output = machine.run("uninstall", code=1)
    assert f"refuse {V1} (was changed since init wrote it" in output
    assert changed.exists()
    assert not machine.at(IDE0[0]).exists()
    machine.run("uninstall", "--force")
    assert not machine.at(".kiro").exists()


def test_foreign_files_stay_even_with_force(machine):
    machine.put(V1, '{"version": "v1", "hooks": []}')
    machine.put(IDE0[0], '{"name": "mine", "when": {"type": "agentStop"}, "then": {}}')
    before = machine.tree()
    machine.run("uninstall", "--force")
    assert machine.tree() == before


def test_a_link_is_neither_followed_nor_removed(machine):
    machine.put("~/elsewhere/hooks/tokentrack.json", shipped(V1))
    machine.at(".kiro").symlink_to(machine.at("~/elsewhere"))
    before = machine.tree()
    machine.run("uninstall")
    assert machine.tree() == before


def test_records_stay_and_the_block_above_them_goes_by_force_only(machine):
    machine.put(".git/HEAD")
    machine.run("init")
    records = [
        machine.put(f".kiro/{name}", name)
        for name in ("token_transactions.csv", "token_usage.csv", ".tokentrack/spool/1")
    ]
    assert "remains and stays ignored by git" in machine.run("uninstall")
    assert machine.at(".gitignore").exists()
    output = machine.run("uninstall", "--force")
    assert [path.read_text() for path in records] == [
        str(p.relative_to(machine.at(".kiro"))) for p in records
    ]
    assert "git no longer ignores it" in output
    assert not machine.at(".gitignore").exists()
    assert not machine.at(".kiro/hooks").exists()


def test_the_block_stays_while_another_hook_records(machine):
    machine.put(".git/HEAD")
    machine.run("init")
    ignored = machine.at(".gitignore").read_bytes()
    assert "other hooks still record" in machine.run("uninstall", "--surface", "v1")
    assert machine.at(".gitignore").read_bytes() == ignored
    machine.run("uninstall")
    assert not machine.at(".gitignore").exists()


@pytest.mark.parametrize("surface", ["crew", "v1"])
def test_the_block_stays_while_a_hook_of_the_user_records_here(machine, surface):
    machine.run("init", "--surface", "ide-0")
    machine.run("init", "--surface", surface, "--scope", "user")
    output = machine.run("uninstall")
    assert f"{surface} (user) still records here: `tokentrack uninstall --scope user`" in output
    assert machine.at(".gitignore").exists()
    machine.run("uninstall", "--scope", "user")
    machine.run("uninstall")
    assert not machine.at(".gitignore").exists()


def test_lines_around_the_block_stay(machine):
    machine.put(".git/HEAD")
    machine.put(".gitignore", "a\n")
    machine.run("init")
    with machine.at(".gitignore").open("a") as file:
        file.write("b\n")
    machine.run("uninstall")
    assert machine.at(".gitignore").read_text() == "a\nb\n"


def test_a_block_that_the_user_changed_goes_by_force_only(machine):
    machine.put(".git/HEAD")
    machine.run("init")
    path = machine.at(".gitignore")
    path.write_bytes(path.read_bytes().replace(b".kiro/*.csv", b"mine\n.kiro/*.csv"))
    machine.run("uninstall", code=1)
    assert b"mine" in path.read_bytes()
    machine.run("uninstall", "--force")
    assert not path.exists()


def test_an_entry_goes_by_its_command_whatever_its_timeout(machine):
    hooks = {"stop": [{"command": OURS, "timeout_ms": 5}, {"command": "x"}]}
    path = machine.put(".kiro/agents/dev.json", json.dumps({"hooks": hooks}))
    machine.run("uninstall")
    assert json.loads(path.read_text()) == {"hooks": {"stop": [{"command": "x"}]}}


def test_an_entry_with_a_command_of_the_users_goes_by_force_only(machine):
    text = json.dumps({"hooks": {"stop": [{"command": f"/opt/bin/{OURS} --quiet"}]}})
    path = machine.put(".kiro/agents/dev.json", text)
    assert "stop was changed since init wrote it" in machine.run("uninstall", code=1)
    assert path.read_text() == text
    machine.run("uninstall", "--force")
    assert path.read_text() == "{}"


def test_a_broken_agent_config_that_names_us_is_refused(machine):
    text = f'{{"hooks": {{"stop": [{{"command": "{OURS}"}}]}}'
    path = machine.put(".kiro/agents/dev.json", text)
    assert "line 1 is not JSON" in machine.run("uninstall", code=1)
    assert path.read_text() == text


PLAIN = st.text(max_size=5)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"command": PLAIN}, optional={"timeout_ms": st.integers()}), max_size=3
)
EVENTS = st.sampled_from(sorted(AGENT_EVENTS)) | PLAIN
OTHERS = st.dictionaries(PLAIN.filter(lambda key: key != "hooks"), VALUES, max_size=3)


@st.composite
def agents(draw):
    """Draw an agent config whose `hooks`, if any, are anywhere among its keys."""
    before, after = draw(OTHERS), draw(OTHERS)
    hooks = draw(st.none() | st.dictionaries(EVENTS, ENTRIES, max_size=4))
    return before | ({} if hooks is None else {"hooks": hooks}) | after


LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 1, 2, 4, "\t"]),
        "separators": st.sampled_from([None, (",", ":"), (", ", ": "), (" , ", " : ")]),
        "ensure_ascii": st.booleans(),
    }
)


@given(agent=agents(), layout=LAYOUTS, newline=st.sampled_from(["\n", "\r\n"]), end=st.booleans())
@example(agent={"hooks": {}}, layout={}, newline="\n", end=True)
@example(agent={"hooks": {"stop": []}}, layout={}, newline="\n", end=True)
@example(agent={"hooks": {"stop": [], "userPromptSubmit": []}}, layout={}, newline="\n", end=True)
def test_an_agent_config_comes_back_byte_for_byte(agent, layout, newline, end):
    text = json.dumps(agent, **layout).replace("\n", newline) + newline * end
    merged = merge("cli-2", text, force=False)
    assert merged.done == tuple(sorted(merged.done, key=merged.done.index))
    assert len(merged.done) == 2
    assert merge("cli-2", merged.text, force=True) == (merged.text, (), ())
    assert without_ours(json.loads(merged.text)) == without_ours(agent)
    assert unmerge("cli-2", merged.text, force=False).text == text


def without_ours(agent):
    """Return an agent without our entries and without what is empty then."""
    kept = {
        event: [item for item in items if "tokentrack" not in item["command"]]
        for event, items in agent.get("hooks", {}).items()
    }
    return {**agent, "hooks": {event: items for event, items in kept.items() if items}}


@st.composite
def untidy(draw, value):
    """Draw a text of a JSON value with any white space between its parts."""
    space = draw(st.text(" \t\r\n", max_size=3))
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}{space}:{draw(untidy(v))}" for k, v in value.items()]
        return f"{space}{{{space}{f'{space},'.join(parts)}}}{space}"
    if isinstance(value, list):
        return f"{space}[{space}{f'{space},{space}'.join(draw(untidy(v)) for v in value)}]{space}"
    return space + json.dumps(value) + space


@given(data=st.data(), agent=agents())
def test_an_untidy_agent_config_comes_back_with_the_same_value(data, agent):
    text = data.draw(untidy(agent))
    merged = merge("cli-2", text, force=False).text
    assert without_ours(json.loads(merged)) == without_ours(agent)
    assert list(json.loads(unmerge("cli-2", merged, force=False).text).items()) == list(
        agent.items()
    )


@given(
    hooks=st.lists(st.fixed_dictionaries({"name": PLAIN, "event": PLAIN, "command": PLAIN})),
    bare=st.booleans(),
    layout=LAYOUTS,
)
def test_a_crew_file_comes_back_byte_for_byte(hooks, bare, layout):
    text = json.dumps(hooks if bare else {"hooks": hooks}, **layout)
    assert unmerge("crew", merge("crew", text, force=False).text, force=False).text == text


@given(st.none() | st.binary(max_size=60) | st.text("a\r\n# ", max_size=30).map(str.encode))
@example(b"")
@example(b"a\r\nb\r")
def test_gitignore_comes_back_byte_for_byte(data):
    with_block = gitignore.add_block(data)
    assert gitignore.block_state(with_block) == "same"
    assert with_block.startswith(data or b"")
    assert gitignore.remove_block(with_block) == data
