"""Every example of a hook file is a test: it is accepted, warned about or rejected.

Next to an example, a file NAME.expect can list all its findings, one per line: level, line, key and
a part of the message, with "-" for no line or no key. An empty file means no findings.
"""

import json
import os

import pytest

from support import EXAMPLES
from tokentrack.hookfiles.check import check_paths

HOOKS = EXAMPLES / "hooks"
HOOK = {
    "name": "Token tracker",
    "version": "1",
    "when": {"type": "agentStop"},
    "then": {"type": "runCommand", "command": "tokentrack hook-run"},
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), "utf-8")
    return path


def examples(kind):
    found = sorted(p for p in (HOOKS / kind).iterdir() if p.suffix != ".expect")
    return [pytest.param(p, id=p.name) for p in found]


def expected(path):
    """The sidecar's lines, `level line key text`; "-" stands for no line or no key."""
    lines = path.with_name(path.name + ".expect").read_text("utf-8").splitlines()
    return [line.split(" ", 3) for line in lines]


def assert_as_expected(path):
    if not path.with_name(path.name + ".expect").exists():
        return
    found = check_paths([str(path)]).findings
    wanted = expected(path)
    assert [[f.level, str(f.line or "-"), f.key or "-"] for f in found] == [w[:3] for w in wanted]
    for finding, (*_, text) in zip(found, wanted, strict=True):
        assert text in f"{finding.message}: {finding.fix}"


@pytest.mark.parametrize("path", examples("positive"))
def test_a_positive_example_has_no_errors(path):
    assert not [f for f in check_paths([str(path)]).findings if f.level == "error"]
    assert_as_expected(path)


@pytest.mark.parametrize("path", examples("negative"))
def test_a_negative_example_has_an_error(path):
    assert [f for f in check_paths([str(path)]).findings if f.level == "error"]
    assert_as_expected(path)


@pytest.mark.parametrize(("major", "count"), [(None, 0), (0, 0), (1, 1), (2, 1)])
def test_only_a_newer_ide_makes_a_0x_file_inert(tmp_path, major, count):
    path = write(tmp_path / "a.kiro.hook", HOOK)
    assert len(check_paths([str(path)], ide_major=major).findings) == count


def test_a_long_prompt_and_a_name_in_any_script_are_fine(tmp_path):
    name = "Zähler \t用量" if os.name == "posix" else "Zähler 用量"
    then = {"type": "askAgent", "prompt": "word " * 13_000}
    write(tmp_path / "sub" / f"{name}.kiro.hook", {**HOOK, "name": name, "then": then})
    report = check_paths([str(tmp_path)])
    assert (len(report.files), report.findings) == (1, [])


def test_a_quoted_value_is_cut(tmp_path):
    path = write(tmp_path / "a.kiro.hook", {**HOOK, "when": {"type": "x" * 5_000_000}})
    (finding,) = check_paths([str(path)]).findings
    assert len(finding.message) < 120
