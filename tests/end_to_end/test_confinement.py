"""Whatever a workspace contains, nothing outside of it is created, changed or removed."""

from __future__ import annotations

import json
import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from programs import hostile
from support.ledgers import HEADER, Workspace, posix_only
from tokentrack.common.timestamps import now_us
from tokentrack.recorder import journal
from tokentrack.store import directory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = posix_only

DAY = 24 * 3600 * 1_000_000


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return a victim, and a workspace that has everything a lifecycle leaves."""
    hostile.load()
    base = tmp_path_factory.mktemp("template")
    hostile.prepare(base / "victim")
    space = Workspace(base / "mine", durability="none", hook_lock_timeout_ms=0)
    for number in range(3):
        assert space.complete(f"row-{number}")
    for words in (["backup", "create"], ["rotate"], ["init"]):
        hostile.run(words, space.root, space.home)
    return base


@pytest.fixture
def scene(template, tmp_path):
    """Return a victim's root, and a workspace of mine, both fresh."""
    shutil.copytree(template / "victim", tmp_path / "victim", symlinks=True)
    shutil.copytree(template / "mine", tmp_path / "mine", symlinks=True)
    return tmp_path / "victim" / "workspace", Workspace(tmp_path / "mine", durability="none")


def hooks(space: Workspace) -> list[tuple[list[str], bytes]]:
    events = {
        "UserPromptSubmit": {"prompt": "p"},
        "PostToolUse": {"tool_input": {"path": "a.py"}},
        "Stop": {"assistant_response": "r"},
    }
    common = {"session_id": "s1", "cwd": str(space.root)}
    return [
        (["hook-run"], json.dumps({"hook_event_name": event, **common, **fields}).encode())
        for event, fields in events.items()
    ]


def turn(space: Workspace) -> None:
    assert hostile.run_all(hooks(space), space.root, space.home) == ""


def put(trap, space: Workspace, victim: Path) -> None:
    try:
        {**hostile.PITS, **hostile.DEVICES}[trap](space.root, victim)
    except PermissionError:
        pytest.skip("devices can be made by root alone")


@pytest.mark.slow
@pytest.mark.parametrize("trap", [*hostile.PITS, *hostile.DEVICES])
def test_a_trap_in_a_workspace_leads_no_command_outside(scene, trap):
    victim, space = scene
    put(trap, space, victim)
    beside = space.root.parent.parent
    before, around = hostile.snapshot(victim), sorted(os.listdir(beside))
    steps = hooks(space)
    for words in hostile.COMMANDS:
        steps.append((words, b""))
    hostile.run_all([*steps, *hooks(space)], space.root, space.home)
    assert hostile.snapshot(victim) == before
    assert sorted(os.listdir(beside)) == around


def naive_append(space: Workspace) -> None:
    with open(space.ledger, "ab") as file:
        file.write(b"row\n")


def naive_chmod(space: Workspace) -> None:
    os.chmod(space.ledger, 0o600)


def naive_replace_of_a_folders_file(space: Workspace) -> None:
    (space.kiro / "temporary").write_bytes(b"row\n")
    os.replace(space.kiro / "temporary", space.ledger)


@pytest.mark.parametrize(
    ("trap", "act"),
    [
        ("a link for .kiro/token_transactions.csv", naive_append),
        ("a hard link for .kiro/token_transactions.csv", naive_append),
        ("a dangling link for .kiro/token_transactions.csv", naive_append),
        ("a link for .kiro/token_transactions.csv", naive_chmod),
        ("a link for .kiro", naive_replace_of_a_folders_file),
    ],
)
def test_the_same_comparison_catches_a_writer_that_follows(scene, trap, act):
    victim, space = scene
    put(trap, space, victim)
    before = hostile.snapshot(victim)
    act(space)
    assert hostile.snapshot(victim) != before


@pytest.mark.slow
@pytest.mark.skipif(not hostile.CAN_EXCHANGE, reason="needs renameat2")
@pytest.mark.parametrize("name", [".kiro", ".kiro/.tokentrack"])
def test_a_folder_that_becomes_a_link_at_any_moment_leaks_no_row(tmp_path, name):
    done = hostile.race(tmp_path, name, 2.0)
    assert done["swaps"] > 100
    assert done["accepted"] > 20
    assert (done["outside"], done["lost"]) == (0, 0)


@pytest.mark.slow
@pytest.mark.skipif(not hostile.CAN_EXCHANGE, reason="needs renameat2")
def test_looking_at_the_real_path_first_leaks_in_the_same_race(tmp_path):
    assert hostile.race(tmp_path, ".kiro", 2.0, flawed=True)["outside"] > 0


# --- modes ---


def lifecycle(space: Workspace) -> None:
    turn(space)
    with space.ledger.open("ab") as file:
        file.write(b"torn")
    with space.locked():
        assert space.complete("waits")
    old = space.event("agentExecutionCompleted", execution_id="old", at=now_us() - 400 * DAY)
    assert space.record(old)
    for words in (["backup", "create"], ["rotate"]):
        hostile.run(words, space.root, space.home)
        turn(space)
    with space.ledger.open("ab") as file:
        file.write(b"milk\n" + HEADER + b"torn")
    for words in (
        ["repair"],
        ["prune", "--yes", "--trust-clock"],
        ["restore", "--yes"],
        ["status"],
        ["verify"],
    ):
        hostile.run(words, space.root, space.home)
    shutil.move(space.kiro, space.root / "aside")
    space.kiro.write_bytes(b"in the way")
    turn(space)
    space.kiro.unlink()
    shutil.move(space.root / "aside", space.kiro)


# --- a journal that a clone brought along ---


OUTSIDE = (
    "{up}/victim",
    "{base}/victim",
    "../../../../{base}/victim",
    "..",
    ".",
    "",
    "a/b",
    "a\0b",
)


def forged(part: str, name: str) -> str:
    empty = {"appends": [], "state": {"running": {}, "closed": {}}, "spool": []}
    event = {"at": 1, "done": 1, "fingerprint": "hooks"}
    state = {
        "written": {"running": {}, "closed": {name: event}},
        "removed": {"running": {name: None}, "closed": {}},
        "half good": {"running": {}, "closed": {"s-good": event, name: event}},
    }
    if part == "from the spool":
        return json.dumps({**empty, "spool": [["own", name]]})
    return json.dumps({**empty, "state": state[part]})


@pytest.mark.slow
@pytest.mark.parametrize("words", [["hook-run"], ["maintain"]])
@pytest.mark.parametrize("part", ["written", "removed", "half good", "from the spool"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_forged_journal_changes_nothing_outside_and_keeps_no_event_waiting(
    tmp_path, name, part, words
):
    space = Workspace(tmp_path, durability="none")
    outside = tmp_path / "victim"
    outside.write_text("mine")
    name = name.format(up="../" * 5, base=tmp_path)
    journal = space.state / "drain.json"
    space.state.mkdir()
    journal.write_text(forged(part, name))
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    stop = {"hook_event_name": "Stop", "cwd": str(space.root), "session_id": "s1"}
    hostile.run_all([(words, json.dumps(stop).encode())], space.root, space.home)
    assert outside.read_text() == "mine"
    assert not journal.exists()
    assert len(space.quarantined()) == 1
    assert not (space.state / "closed" / "s-good").exists()
    assert space.complete("later")
    assert {"waits", "later"} <= set(space.ids())


def test_without_the_look_at_names_a_forged_journal_does_write_outside(tmp_path, monkeypatch):
    # The control: the program is forked, so the flaw goes along.
    monkeypatch.setattr(directory, "is_entry_name", lambda _: True)
    monkeypatch.setattr(journal, "_SHAPE", lambda _: True)
    space = Workspace(tmp_path, durability="none")
    outside = tmp_path / "victim"
    outside.write_text("mine")
    space.state.mkdir()
    (space.state / "drain.json").write_text(forged("written", str(outside)))
    turn(space)
    assert outside.read_text() != "mine"


def test_the_same_journal_with_names_of_its_own_is_carried_out(tmp_path):
    # The control: it is the names that are refused.
    space = Workspace(tmp_path, durability="none")
    space.state.mkdir()
    (space.state / "drain.json").write_text(forged("written", "s-good"))
    assert space.complete("later")
    assert (space.state / "closed" / "s-good").exists()
    assert space.quarantined() == []


@pytest.fixture
def unmasked():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_ledger_that_others_could_read_becomes_private(tmp_path):
    space = Workspace(tmp_path, durability="none")
    assert space.complete("row")
    for path in (space.ledger, space.usage, space.lock):
        path.chmod(0o644)
    assert space.complete("next")
    assert open_to_others([space.ledger, space.usage, space.lock]) == []


@pytest.mark.usefixtures("unmasked")
def test_every_file_and_folder_is_private_whatever_the_mask(tmp_path):
    space = Workspace(tmp_path, durability="none", hook_lock_timeout_ms=0)
    shutil.rmtree(space.kiro)  # made by the test
    space.root.joinpath(".git").mkdir()
    config = {"compression_enabled": True, "hook_lock_timeout_ms": 0}
    (space.home / ".kiro").mkdir()
    (space.home / ".kiro" / "token_tracker_config.json").write_text(json.dumps(config))
    lifecycle(space)
    found = [space.kiro, *space.kiro.rglob("*"), *(space.home / ".local").rglob("*")]
    names = " ".join(path.name for path in found)
    parts = (".csv.gz", "_backup_", ".lock", "quarantine", ".bin")
    assert [part for part in parts if part not in names] == []
    assert any(path.name == "tokentrack.log" for path in found)
    assert open_to_others(found) == []


def open_to_others(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths if path.lstat().st_mode & 0o077]


@pytest.mark.usefixtures("unmasked")
def test_temporary_files_are_private_before_they_get_their_name(tmp_path, monkeypatch):
    from tokentrack.maintenance import backup, repair, rotation
    from tokentrack.maintenance.locked import lock_drained, lock_for_repair

    modes: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    space = Workspace(tmp_path, compression_enabled=True)
    assert space.complete("row")
    around = (space.paths, space.config, space.environ)
    with lock_drained(*around) as ledger:
        backup.create_backup(ledger)
        rotation.rotate(ledger, now_us())
        rotation.compress_archives(ledger)
    assert space.complete("next")
    with space.ledger.open("ab") as file:
        file.write(b"milk\n")
    with lock_for_repair(*around) as ledger:
        repair.repair(ledger, now_us())
    files = [mode for mode in modes if stat.S_ISREG(mode)]
    assert len(files) > 8
    assert [oct(mode) for mode in files if mode & 0o077] == []


@pytest.mark.usefixtures("unmasked")
def test_the_same_look_catches_a_file_of_the_umasks_mode(tmp_path):
    (tmp_path / "plain").write_bytes(b"row")
    assert open_to_others(list(tmp_path.iterdir())) == [str(tmp_path / "plain")]


def test_a_folder_of_another_user_is_not_used_however_open_it_is(nobody):
    machine, prefix = nobody
    machine.folder.chmod(0o777)  # root's
    stop = {"hook_event_name": "Stop", "session_id": "s1", "cwd": str(machine.root)}
    machine.hook(stop, prefix=prefix)
    assert list(machine.folder.iterdir()) == []
    assert machine.users.row()["session_id"] == "s1"
    trusted = {"KIRO_TOKEN_TRACKER_TRUSTED_FOLDERS": str(machine.root)}
    machine.hook(stop, prefix=prefix, env=trusted)
    assert machine.row()["session_id"] == "s1"
