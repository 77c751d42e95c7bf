"""`uninstall --purge`: only what tokentrack made in the state folder goes, and no event is lost."""

import os

import pytest

from support.imported import tokentrack
from support.ledgers import posix_only
from tokentrack.maintenance import purge
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.paths import rescue_folder, state_folder, workspace_paths

LEDGER = ".kiro/token_transactions.csv"


@pytest.fixture
def used(machine):
    """Return a machine with a turn, an index, and a rescue folder whose events were recorded."""
    machine.send("Stop", "one")
    tokentrack(machine, "report", "--redact")
    machine.configure(log_level="DEBUG")
    tokentrack(machine, "trust")
    put_event(machine)
    (event,) = (machine.rescued / "spool" / "new").iterdir()
    event.unlink()
    return machine


def put_event(machine):
    paths = workspace_paths(str(machine.root), LEDGER)
    machine.rescued = machine.home / os.path.relpath(
        rescue_folder(paths, machine.environment), machine.home
    )
    with Directory.open(str(machine.rescued), create=True) as folder:
        spool.put(folder, 1, b"{}", durable=False)
    (machine.rescued / "ledger").write_text(paths.path)


def state(machine):
    folder = machine.home / os.path.relpath(state_folder(machine.environment), machine.home)
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_registry_index_and_rescue_folder_go_and_the_ledger_stays(used):
    assert state(used) == {
        "ledgers", "trusted", "index.db", "pseudonyms.key", used.rescued.name,
    }  # fmt: skip
    rows = (used.folder / "token_transactions.csv").read_bytes()
    text = tokentrack(used, "uninstall", "--purge", "--dry-run")
    assert text.count("\nremove ") == 5
    assert len(state(used)) == 5
    tokentrack(used, "uninstall", "--purge", "--yes")
    assert state(used) == set()
    assert not os.path.exists(state_folder(used.environment))
    assert (used.folder / "token_transactions.csv").read_bytes() == rows
    assert "nothing to do" in tokentrack(used, "uninstall", "--purge", "--yes")


def test_it_asks_first(used):
    assert "there is no terminal to ask on" in tokentrack(used, "uninstall", "--purge", code=1)
    assert len(state(used)) == 5


def test_events_that_are_in_no_ledger_are_kept_unless_told(used):
    put_event(used)
    text = tokentrack(used, "uninstall", "--purge", "--yes")
    assert f"kept {used.rescued} (rescued events, 1 event in no ledger yet)" in text
    assert state(used) == {used.rescued.name}
    assert sorted(path.name for path in used.rescued.iterdir()) == ["ledger", "spool"]
    tokentrack(used, "uninstall", "--purge", "--yes", "--discard-events")
    assert state(used) == set()


def test_an_event_that_arrives_while_its_folder_is_removed_stays(used, monkeypatch):
    def arrive_late(name):
        monkeypatch.setattr(Directory, "of_file", original)
        put_event(used)
        return original(name)

    original = Directory.of_file
    parts = purge.parts(used.environment)
    monkeypatch.setattr(purge, "parts", lambda _: [p for p in parts if p.kind == purge.RESCUED])
    monkeypatch.setattr(Directory, "of_file", arrive_late)
    gone, kept = purge.purge(used.environment, discard_events=False)
    assert (gone, [part.path for part in kept]) == ([], [str(used.rescued)])
    assert len(list((used.rescued / "spool" / "new").iterdir())) == 1
    assert (used.rescued / "ledger").exists()


def test_files_of_the_user_in_the_same_folder_are_not_touched(used):
    folder = used.rescued.parent
    for name in ("mine.csv", "index.db.bak", "0123"):
        (folder / name).write_text("x")
    (folder / "abc").mkdir()
    tokentrack(used, "uninstall", "--purge", "--yes")
    assert state(used) == {"mine.csv", "index.db.bak", "0123", "abc"}


@posix_only
def test_a_link_is_not_followed(used, tmp_path):
    target = tmp_path / "elsewhere"
    (target / "spool").mkdir(parents=True)
    (target / "file").write_text("x")
    link = used.rescued.parent / ("f" * 16)
    link.symlink_to(target)
    (used.rescued / "inside").symlink_to(target)
    tokentrack(used, "uninstall", "--purge", "--yes")
    assert state(used) == {link.name}
    assert (target / "file").exists()


def test_the_words_that_go_together(used):
    assert "needs --purge" in tokentrack(used, "uninstall", "--discard-events", code=2)
    assert "cannot be combined" in tokentrack(used, "uninstall", "--all", "--scope", "user", code=2)
