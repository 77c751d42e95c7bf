"""`tokentrack uninstall --all`: the hooks of every known workspace, and those of the user."""

import os
import shutil

import pytest

from support.imported import summary, tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from tokentrack.store.registry import registered

V1 = ".kiro/hooks/tokentrack.json"


@pytest.fixture
def three(machine, tmp_path):
    """Return a machine with hooks in its workspace, in two others, and for the user."""
    machine.roots = [machine.root, tmp_path / "two", tmp_path / "three"]
    for root in machine.roots:
        root.mkdir(exist_ok=True)
        tokentrack(machine, "init", "--surface", "v1", "--workspace", root)
    tokentrack(machine, "init", "--surface", "v1", "--scope", "user")
    return machine


def hooks(machine):
    paths = [*(root / V1 for root in machine.roots), machine.home / V1]
    return [path for path in paths if path.exists()]


def known(machine):
    return [paths.base for paths in registered(machine.environment)]


def test_init_registers_the_workspaces_that_it_writes_to(three):
    assert known(three) == sorted(str(root) for root in three.roots)


def test_all_hooks_go_and_changed_files_are_named(three):
    changed = three.roots[2] / V1
    changed.write_text(changed.read_text().replace("hook-run", "hook-run --tag a=b"))
    assert len(hooks(three)) == 4
    tokentrack(three, "uninstall", "--all", "--dry-run", code=1)
    assert len(hooks(three)) == 4
    text = tokentrack(three, "uninstall", "--all", code=1)
    assert hooks(three) == [changed]
    assert f"refuse {changed}" in text
    tokentrack(three, "uninstall", "--all", "--force")
    assert hooks(three) == []


def test_without_all_the_others_stay_and_purge_warns_of_them(three):
    text = tokentrack(three, "uninstall", "--purge", "--yes")
    assert "hooks remain in 2 other workspaces" in text
    assert len(hooks(three)) == 3


def test_a_workspace_that_is_gone_is_passed_over(three):
    shutil.rmtree(three.roots[1])
    tokentrack(three, "uninstall", "--all")
    assert hooks(three) == []
    assert not three.roots[1].exists()


def test_a_configuration_or_a_dry_run_registers_nothing(machine):
    tokentrack(machine, "init", "--dry-run")
    machine.configure(registry_enabled=False)
    tokentrack(machine, "init")
    assert known(machine) == []


def test_an_import_registers_the_ledger_that_it_writes(machine, tmp_path):
    V1Session(KiroHome(machine.home), str(machine.root)).turn([0.5])
    summary(machine, "--dry-run")
    assert known(machine) == []
    summary(machine)
    assert known(machine) == [str(machine.root)]
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    ledger = os.path.join(machine.folder, "token_transactions.csv")
    assert summary(machine, ledger, cwd=other)["added"] == 1
    assert known(machine) == sorted([str(machine.root), str(other)])
