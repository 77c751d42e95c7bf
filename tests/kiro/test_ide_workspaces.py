"""The folders of IDE 0.x's storage, which are named by digests of the workspaces' paths."""

import hashlib

import pytest

from support.kiro_homes.home import dump
from tokentrack.kiro.ide_workspaces import names_of, workspaces
from tokentrack.kiro.read_pass import ReadPass


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("file:///w/a%20b", "/w/a b"),
        ("file:///c%3A/w", "c:/w"),
        ("vscode-remote://ssh-remote%2Bhost/w", "/w"),
        ("untitled:x", None),
        (3, None),
    ],
)
def test_workspaces_are_named_by_uri(tmp_path, folder, path):
    dump(tmp_path / "workspaceStorage" / ("a" * 32) / "workspace.json", {"folder": folder})
    assert workspaces(str(tmp_path), [], ReadPass()).get("a" * 32) == path


@pytest.mark.parametrize("text", ["{", "[" * 60_000, "[]", " " * 100_000 + "{}"])
def test_a_workspace_file_that_cannot_be_read_is_noted_and_left_out(tmp_path, text):
    for name, content in (("a", text), ("b", '{"folder": "file:///w/b"}')):
        folder = tmp_path / "workspaceStorage" / (name * 32)
        folder.mkdir(parents=True)
        (folder / "workspace.json").write_text(content)
    reading = ReadPass()
    assert set(workspaces(str(tmp_path), [], reading).values()) == {"/w/b"}
    assert [skipped.path for skipped in reading.examples] == [
        str(tmp_path / "workspaceStorage" / ("a" * 32) / "workspace.json")
    ]


def test_the_names_of_a_path_are_common_digests():
    expected = [
        make(text.encode()).hexdigest()[:32]
        for text in ("/w/ä", "file:///w/ä")
        for make in (hashlib.md5, hashlib.sha256)
    ]
    assert names_of("/w/ä") == expected
