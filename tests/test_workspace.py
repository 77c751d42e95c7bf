"""Which workspace an event belongs to, and its branch, with real git repositories."""

import os
import shutil
import subprocess

import pytest

from tokentrack import workspace

STOP = {"hook_event_name": "Stop", "session_id": "s1"}


@pytest.fixture
def git(tmp_path):
    """Return a function that runs git, free of the machine's own configuration."""
    if not shutil.which("git"):
        pytest.skip("needs git")
    environment = {
        "PATH": os.defpath, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }  # fmt: skip

    def run(folder, *arguments):
        options = ["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *options, "-C", str(folder), *arguments], check=True,
                       env=environment, capture_output=True)  # fmt: skip

    return run


@pytest.fixture
def repository(git, tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    git(folder, "commit", "--allow-empty", "-m", "first")
    return folder


def tree(root, *folders):
    for folder in folders:
        (root / folder).mkdir(parents=True)


@pytest.mark.parametrize(
    ("folders", "cwd", "root"),
    [
        (["w/.kiro", "w/a/b"], "w/a/b", "w"),
        (["w/.kiro", "w/a/.kiro", "w/a/b"], "w/a/b", "w/a"),
        (["w/.git", "w/a/b"], "w/a/b", "w"),
        (["w/.kiro", "w/a/.git", "w/a/b"], "w/a/b", "w/a"),
        (["w/.git", "w/.kiro", "w/a/b"], "w/a/b", "w"),
        (["w/.git", "w/a/.kiro", "w/a/b"], "w/a/b", "w/a"),
        (["w/a/b"], "w/a/b", "w/a/b"),
        (["home/.kiro", "home/w/a"], "home/w/a", "home/w/a"),
        (["home/.kiro", "home/w/.git", "home/w/a"], "home/w/a", "home/w"),
        (["w/.kiro/hooks"], "w/.kiro/hooks", "w"),
    ],
)
def test_the_root_is_found_upwards(tmp_path, folders, cwd, root):
    tree(tmp_path, *folders)
    environ = {"HOME": str(tmp_path / "home")}
    assert workspace.find_root(str(tmp_path / cwd), environ) == str(tmp_path / root)


def test_a_link_to_a_workspace_is_that_workspace(tmp_path):
    tree(tmp_path, "w/.kiro", "w/a")
    (tmp_path / "link").symlink_to("w/a")
    assert workspace.find_root(str(tmp_path / "link"), {}) == str(tmp_path / "w")


def test_a_file_named_kiro_makes_no_root(tmp_path):
    tree(tmp_path, "w/.git", "w/a")
    (tmp_path / "w/a/.kiro").write_text("")
    assert workspace.find_root(str(tmp_path / "w/a"), {}) == str(tmp_path / "w")


def test_a_repository_is_a_workspace_with_its_branch(repository, git):
    assert workspace.git_directory(str(repository)) == (str(repository / ".git"), "repository")
    assert workspace.git_branch(str(repository), {}) == "main"
    git(repository, "checkout", "-b", "feature/ünïcode-1")
    assert workspace.git_branch(str(repository), {}) == "feature/ünïcode-1"


def test_a_worktree_is_a_workspace_of_its_own(repository, git):
    worktree = repository / "trees" / "other"
    git(repository, "worktree", "add", "-b", "other-branch", str(worktree))
    (repository / ".kiro").mkdir()
    assert workspace.find_root(str(worktree), {}) == str(worktree)
    assert workspace.git_directory(str(worktree))[1] == "worktree"
    assert workspace.git_branch(str(worktree), {}) == "other-branch"


def test_a_submodule_is_a_workspace_of_its_own(repository, git, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init")
    git(outer, "submodule", "add", str(repository), "lib/inner")
    tree(outer, ".kiro", "lib/inner/src")
    inner = outer / "lib" / "inner"
    assert workspace.find_root(str(inner / "src"), {}) == str(inner)
    assert workspace.git_directory(str(inner))[1] == "submodule"
    assert workspace.git_branch(str(inner / "src"), {}) == "main"


def test_a_repository_whose_git_directory_is_elsewhere_has_its_branch(git, tmp_path):
    tree(tmp_path, "w")
    git(tmp_path, "init", "--separate-git-dir", str(tmp_path / "store"), "w")
    assert workspace.git_branch(str(tmp_path / "w"), {}) == "main"


def test_a_detached_head_is_no_branch(repository, git):
    git(repository, "checkout", "--detach")
    assert workspace.git_branch(str(repository), {}) == ""


@pytest.mark.parametrize(
    "head", [b"", b"ref: refs/tags/v1\n", b"0" * 40, b"\xff\xfe", b"ref: refs/heads/\n"]
)
def test_a_head_that_names_no_branch_is_none(tmp_path, head):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    assert workspace.git_branch(str(tmp_path), {}) == ""


@pytest.mark.parametrize("pointer", ["", "gitdir: ", "gitdir: ../gone", "no pointer", "gitdir: \0"])
def test_a_git_file_that_points_nowhere_has_no_branch(tmp_path, pointer):
    (tmp_path / ".git").write_text(pointer)
    assert workspace.git_branch(str(tmp_path), {}) == ""


def test_a_head_that_is_a_fifo_is_not_waited_for(tmp_path):
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    assert workspace.git_branch(str(tmp_path), {}) == ""


def test_outside_git_there_is_no_branch(tmp_path):
    assert workspace.git_branch(str(tmp_path), {"TMPDIR": str(tmp_path.parent)}) == ""


def test_git_is_never_run(machine, repository):
    (repository / "git").write_text("#!/bin/sh\ntouch called\n")
    (repository / "git").chmod(0o755)
    machine.hook({**STOP, "cwd": str(repository)}, env={"PATH": str(repository)}, cwd=repository)
    assert not (repository / "called").exists()
    assert (repository / ".kiro" / "token_transactions.csv").exists()


@pytest.mark.parametrize("cwd", ["{home}", "/", "/tmp", "{home}/.kiro", "{home}/.kiro/hooks"])
def test_a_place_of_no_one_project_goes_to_the_users_ledger(machine, cwd):
    (machine.home / ".kiro" / "hooks").mkdir(parents=True)
    folder = cwd.format(home=machine.home)
    machine.hook({**STOP, "cwd": folder}, cwd=folder)
    assert machine.users.row()["session_id"] == "s1"
    assert not (machine.users.folder / ".kiro").exists()


def test_the_temporary_folder_of_the_environment_is_no_workspace(machine):
    machine.hook({**STOP, "cwd": str(machine.root)}, env={"TMPDIR": str(machine.root)})
    assert machine.rows() == []
    assert machine.users.row()["session_id"] == "s1"


def test_the_users_ledger_is_in_the_kiro_home(machine, tmp_path):
    (tmp_path / "kiro").mkdir()
    machine.hook({**STOP, "cwd": str(machine.home)}, env={"KIRO_HOME": str(tmp_path / "kiro")})
    assert (tmp_path / "kiro" / "token_transactions.csv").exists()
    assert not machine.users.folder.exists()


def test_a_workspace_without_kiro_folder_gets_a_private_one(machine, tmp_path):
    folder = tmp_path / "plain"
    (folder / ".git").mkdir(parents=True)
    machine.hook({**STOP, "cwd": str(folder)}, cwd=folder)
    assert {path.stat().st_mode & 0o077 for path in (folder / ".kiro").rglob("*")} == {0}


def test_the_payloads_folder_wins_over_the_working_folder(machine):
    inner = machine.root / "inner"
    (inner / ".kiro").mkdir(parents=True)
    machine.hook({**STOP, "cwd": str(inner)})
    assert machine.rows() == []
    assert (inner / ".kiro" / "token_transactions.csv").exists()


@pytest.mark.parametrize("cwd", ["/does/not/exist", "", "\0", "\ud800", "x" * 5000, 5, []])
def test_a_folder_that_is_none_leaves_the_working_folder(machine, cwd):
    machine.hook({**STOP, "cwd": cwd})
    assert machine.row()["workspace_folder"] == "ws"


def test_a_file_below_a_linked_workspace_is_relative(machine, tmp_path):
    (tmp_path / "link").symlink_to(machine.root)
    files = [str(tmp_path / "link" / "a.py"), str(machine.root / "b.py")]
    machine.hook({**STOP, "cwd": str(tmp_path / "link"), "files": files})
    assert machine.row()["file_patterns"] == "a.py;b.py"


def test_the_branch_is_a_tag_of_the_usage(machine, repository):
    machine.hook({**STOP, "cwd": str(repository)})
    text = (repository / ".kiro" / "token_usage.csv").read_text()
    assert text.endswith("branch=main\n")


def test_a_workspace_whose_name_is_no_utf8_is_recorded(machine, tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    machine.hook(b'{"hook_event_name": "Stop"}', cwd=os.fsdecode(folder))
    with open(folder + b"/.kiro/token_transactions.csv", "rb") as file:
        assert b",caf\\udce9," in file.read()
