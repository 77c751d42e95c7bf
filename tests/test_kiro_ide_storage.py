"""IDE 0.x's storage, before and since 2026-02."""

import pytest

from kiro_homes import KiroHome
from kiro_homes.home import digest, dump
from kiro_homes.ide import IdeStorage
from tokentrack.kiro import ide_storage, ide_workspaces
from tokentrack.kiro import scan as reasons
from tokentrack.kiro.scan import Scan


@pytest.fixture
def storage(tmp_path):
    return IdeStorage(KiroHome(tmp_path))


def read(storage, workspaces=None):
    with Scan() as scan:
        return list(ide_storage.turns(str(storage.folder), scan, workspaces)), scan


def test_the_older_format_has_a_model_and_no_credits(storage):
    storage.chat()
    (turn,), _ = read(storage)
    assert (turn.model, turn.credits, turn.prompt) == ("claude-sonnet-4", None, "fix the test")


def test_the_newer_format_has_credits(storage):
    expected = storage.execution([0.1, 0.2])
    (turn,), _ = read(storage)
    assert (turn.credits, turn.status, turn.session_id) == ("0.3", "success", expected.session_id)


def test_an_execution_in_both_formats_has_its_credits(storage):
    expected = storage.execution([0.5])
    dump(
        storage.folder / digest("/w/alpha") / f"{expected.source_id}.chat",
        {"executionId": expected.source_id},
    )
    (turn,), scan = read(storage)
    assert (turn.credits, scan.counts) == ("0.5", {reasons.DUPLICATE: 1})


def test_what_else_is_in_the_storage_is_not_opened(storage):
    storage.noise()
    turns, scan = read(storage)
    assert (turns, scan.counts) == ([], {})


@pytest.mark.parametrize("content", ["", "{", "[]", "{}x", '{"executionId": 3}'])
def test_a_damaged_file_is_noted_and_the_others_count(storage, content):
    storage.execution([0.5])
    (storage.folder / digest("/w/alpha") / digest("s") / "torn").parent.mkdir(exist_ok=True)
    (storage.folder / digest("/w/alpha") / digest("s") / "torn").write_text(content)
    turns, scan = read(storage)
    assert (len(turns), sum(scan.counts.values())) == (1, 1)


def test_a_workspace_is_known_only_if_a_digest_fits(storage):
    storage.execution([0.5], "/w/alpha")
    user, scan = str(storage.home.ide_user), Scan()
    assert read(storage)[0][0].workspace == ""
    known = ide_workspaces.workspaces(user, [], scan)
    assert read(storage, known)[0][0].workspace == "/w/alpha"
    assert (
        read(storage, ide_workspaces.workspaces("/none", ["/w/beta"], scan))[0][0].workspace == ""
    )
    assert scan.counts == {}


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
    assert ide_workspaces.workspaces(str(tmp_path), [], Scan()).get("a" * 32) == path
