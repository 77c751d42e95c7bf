"""Where there is no ledger, commands create nothing; and what a ledger is locked for."""

import shutil
import subprocess

import pytest

from programs.hostile import snapshot
from support.hook_files import Machine
from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from support.ledgers import HEADER
from support.maintained import Maintained, row
from support.without_ledger import INDEXING, READING
from tokentrack.common.timestamps import now_us
from tokentrack.maintenance.locked import NoLedgerError


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


@pytest.mark.parametrize("words", READING)
@pytest.mark.parametrize("is_installed", [False, True])
def test_without_a_ledger_a_command_creates_nothing(space, words, is_installed):
    V1Session(KiroHome(space.home), workspace=str(space.root)).turn([0.5])
    (space.root / "other.csv").write_bytes(HEADER + row("a", now_us()))
    if is_installed:
        space.run("init")
    else:
        space.kiro.rmdir()
        (space.root / ".git").mkdir()
    before = snapshot(space.root), snapshot(space.home)
    said = space.run(*words.split(), code=READING[words])
    assert snapshot(space.root) == before[0]
    assert snapshot(space.home) == before[1] or words in INDEXING
    # Those that need something else before they need a ledger.
    others = {"doctor", "show abc", "status", "status --json", "watch"}
    if READING[words] and words not in others:
        assert said == f"Error: there is no ledger at {space.ledger}\n"


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_after_a_prune_without_a_ledger_uninstall_is_exact(tmp_path):
    space = Machine(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=space.root, check=True)
    before = space.tree()
    space.run("init")
    for words in ("prune --yes", "rotate", "backup create", "backup prune", "restore"):
        space.run(*words.split(), code=1)
    space.run("uninstall")
    assert space.tree() == before


def test_each_lock_creates_nothing_where_there_is_no_ledger(space):
    before = snapshot(space.root)
    for lock in (space.lock_for_maintenance, space.lock_drained, space.lock_for_repair):
        with pytest.raises(NoLedgerError), lock():
            pass
    assert snapshot(space.root) == before


@pytest.mark.parametrize("name", [
    "token_transactions.csv", "token_usage.csv", "token_transactions_20260101.csv.gz",
    "token_transactions_backup_20260101_000000.csv",
])  # fmt: skip
def test_any_file_of_a_ledger_is_enough_to_lock_it(space, name):
    space.write(name, b"")
    with space.lock_for_maintenance() as ledger:
        assert ledger.folder.has(name)


def test_a_backup_alone_can_be_restored(space):
    space.write("token_transactions_backup_20260101_000000.csv", HEADER + row("a", now_us()))
    space.run("restore", "--yes")
    assert space.ids() == ["a"]


def test_events_that_are_queued_without_a_ledger_are_recorded(space):
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="queued"))
    with space.lock_drained():
        pass
    assert space.ids() == ["queued"]
