"""`tokentrack validate-hooks` among files that are broken in every way: none stops the rest."""

import io
import json
import os
import socket
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import EXAMPLES
from tokentrack.cli.validate_hooks import command
from tokentrack.common.suggestions import nearest
from tokentrack.hookfiles.check import check_paths
from tokentrack.hookfiles.forms import recognise
from tokentrack.hookfiles.json_text import find_lines
from tokentrack.hookfiles.reporters import REPORTERS
from tokentrack.hookfiles.triggers import TRIGGERS, equivalent, suggest_trigger

HOOKS = EXAMPLES / "hooks"
GOOD = (HOOKS / "positive" / "ide-0-agent-stop.kiro.hook").read_bytes()
ONLY_POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
ANY = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def messages(path):
    return [f"{f.level}: {f.message}" for f in check_paths([str(path)]).findings]


@ONLY_POSIX
def test_a_fifo_and_a_socket_are_never_read(tmp_path):
    os.mkfifo(tmp_path / "a.kiro.hook")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "b.kiro.hook"))
        (tmp_path / "c.kiro.hook").write_bytes(GOOD)
        report = check_paths([str(tmp_path)])
    assert [f.message for f in report.findings] == [
        "this is not a regular file and was not read"
    ] * 2
    assert len(report.files) == 3


@ONLY_POSIX
def test_a_device_is_never_read():
    assert messages("/dev/zero") == ["error: this is not a regular file and was not read"]


@ONLY_POSIX
def test_a_link_is_checked_and_warned_about(tmp_path):
    (tmp_path / "target.txt").write_bytes(GOOD)
    (tmp_path / "a.kiro.hook").symlink_to("target.txt")
    assert messages(tmp_path / "a.kiro.hook") == [
        "warning: this is a symbolic link, which Kiro silently ignores"
    ]


@ONLY_POSIX
def test_link_loops_and_dangling_links_are_errors_and_the_walk_ends(tmp_path):
    (tmp_path / "loop.kiro.hook").symlink_to("loop.kiro.hook")
    (tmp_path / "gone.json").symlink_to("nowhere")
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "z.kiro.hook").write_bytes(GOOD)
    report = check_paths([str(tmp_path)])
    assert [Path(file.path).name for file in report.files] == [
        "gone.json",
        "loop.kiro.hook",
        "z.kiro.hook",
    ]
    assert (report.count("error"), report.count("warning")) == (2, 2)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_an_error(tmp_path):
    (tmp_path / "a.kiro.hook").write_bytes(GOOD)
    (tmp_path / "a.kiro.hook").chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    found = [f.message for f in check_paths([str(tmp_path)]).findings]
    assert found == ["cannot be read (Permission denied)"] * 2


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "a.kiro.hook"
    with path.open("wb") as file:
        file.truncate(8 * 1024 * 1024 + 1)
    assert messages(path) == ["error: the file is larger than 8 MiB and was not read"]


@pytest.mark.parametrize("depth", [90, 200, 300, 500, 900, 1100, 100_000])
def test_any_depth_gives_an_answer(tmp_path, depth):
    path = tmp_path / "a.kiro.hook"
    path.write_text('{"when": ' + "[" * depth + "]" * depth + "}")
    assert messages(path)


def test_a_file_that_is_wrong_everywhere_shows_what_a_person_can_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"version": "v1", "hooks": [1] * 5000}))
    found = messages(path)
    assert len(found) <= 101


@pytest.mark.parametrize("text", ['{"\\"' + '\\"' * 200_000, '"' * 400_000, "[" * 400_000])
def test_hostile_text_takes_linear_time(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert messages(path)


def run_all_formats(folder):
    for style in REPORTERS:
        out = io.StringIO()
        try:
            with redirect_stdout(out):
                command.main([folder, "--format", style], standalone_mode=False)
            code = 0
        except SystemExit as end:
            code = end.code
        assert code in {0, 1}


def check_in_a_folder(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        run_all_formats(folder)


@ANY
@given(st.binary(max_size=200))
def test_any_bytes_are_checked_without_a_crash(data):
    check_in_a_folder({"a.kiro.hook": data, "b.json": data, "c.kiro copy.hook": data})


@ANY
@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=4))
def test_any_damage_to_a_good_file_is_checked_without_a_crash(start, end, data):
    check_in_a_folder({"a.kiro.hook": GOOD[:start] + data + GOOD[end:]})


NAMES = st.sampled_from(
    ["version", "hooks", "when", "then", "type", "trigger", "triggers", "action", "name",
     "command", "prompt", "patterns", "timeout", "timeout_ms", "stop", "tools", "confirm"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["v1", "agentStop", "Stop", "agentExecutionCompleted", "command", "/a{"]),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NAMES, st.text(max_size=3)), inner, max_size=5),
    ),
    max_leaves=20,
)


@ANY
@given(st.dictionaries(NAMES, DOCUMENTS, max_size=6))
def test_any_document_with_the_right_keys_is_checked_without_a_crash(document):
    data = json.dumps(document, indent=1).encode()
    check_in_a_folder({"a.kiro.hook": data, "b.json": data})


def key_paths(value, start=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*start, key)
        if isinstance(inner, dict | list):
            yield from key_paths(inner, (*start, key))


@ANY
@given(st.dictionaries(st.text(max_size=3), DOCUMENTS, max_size=5))
def test_every_key_is_found_on_its_line(document):
    text = json.dumps(document, indent=1)
    paths = list(key_paths(document))
    lines = find_lines(text, set(paths))
    # With an indent, each key and each element is on its own line, in this order.
    assert [lines[path] for path in paths] == sorted(lines[path] for path in paths)
    assert len({lines[path] for path in paths}) == len(paths)
    for path in paths:
        if isinstance(path[-1], str):
            assert json.dumps(path[-1]) in text.split("\n")[lines[path] - 1]


@pytest.mark.parametrize("form", ["ide-0", "v1", "cli-2"])
def test_every_trigger_of_every_form_stands_for_itself_and_its_equivalents(form):
    for name in TRIGGERS[form]:
        assert suggest_trigger(name, form) == name
        for other in TRIGGERS:
            there = equivalent(name, other)
            assert there is None or equivalent(there, form) == name


@pytest.mark.parametrize(
    ("name", "near"),
    [("agentstop", "agentStop"), ("agnetStop", "agentStop"), ("qqq", None), ("", None)],
)
def test_the_nearest_name_ignores_case_and_gives_up_on_strangers(name, near):
    assert nearest(name, TRIGGERS["ide-0"]) == near


@pytest.mark.parametrize(
    ("value", "path", "form"),
    [
        ({"when": {}}, "a.json", "ide-0"),
        ({"version": "v1", "when": {}, "then": {}}, "a.json", "ide-0"),
        ({"name": "x"}, "a.kiro.hook", "ide-0"),
        ({"triggers": []}, "a.json", "ide-0"),
        ({"version": "v1"}, "a.kiro.hook", "v1"),
        ({"hooks": [{"trigger": "Stop"}], "tools": []}, "a.json", "v1"),
        ({"hooks": []}, ".kiro/hooks/a.json", "v1"),
        ({"hooks": []}, ".kiro/agents/a.json", "cli-2"),
        ({"version": "v1", "hooks": {}}, "a.json", "v1"),
        ({"version": "v1", "hooks": {}, "tools": []}, "a.json", "cli-2"),
        ({"hooks": {}}, "a.json", "cli-2"),
        ({"mcpServers": {}}, "a.json", "cli-2"),
        ({"name": "x"}, "agents/sub/a.json", "cli-2"),
        ({"name": "x"}, "agents/hooks/a.json", "unknown"),
        ({"trigger": "Stop"}, "a.json", "loose"),
        ({"hooks": []}, "crew/hooks.json", "crew"),
        ({}, "a.json", "unknown"),
        (None, "a.json", "unknown"),
    ],
)
def test_the_form_is_told_by_the_content(value, path, form):
    assert recognise(value, path) == form
