"""The workspace that a folder belongs to, and its git branch, read without running git."""

from __future__ import annotations

import os
import stat

from tokentrack.store.directory import read_regular

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_GIT_FILE = 4096


def home_folder(environ: Mapping[str, str]) -> str:
    """Return the user's home folder."""
    return environ.get("HOME") or os.path.expanduser("~")


def kiro_home(environ: Mapping[str, str]) -> str:
    """Return the folder of the user's Kiro settings: `KIRO_HOME`, else `~/.kiro`."""
    return environ.get("KIRO_HOME") or os.path.join(home_folder(environ), ".kiro")


def is_shared_folder(folder: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a folder can't be a workspace, because it belongs to no single project.

    Such folders are the home, a file system's root, temporary folders, and the folder of the
    user's Kiro settings.
    """
    shared = [home_folder(environ), "/tmp", "/var/tmp"]  # noqa: S108  (names to compare with)
    shared += [environ[name] for name in ("TMPDIR", "TEMP", "TMP") if environ.get(name)]
    if os.path.dirname(folder) == folder or folder in {os.path.realpath(f) for f in shared}:
        return True
    settings = os.path.realpath(kiro_home(environ))
    return folder == settings or folder.startswith(settings + os.sep)


def find_root(cwd: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the root of the workspace that `cwd` is in.

    It is the nearest folder upwards with a `.kiro`, else the root of the git work tree, else
    `cwd`. The search for `.kiro` does not leave a git work tree, whether it is one of a
    repository, a worktree or a submodule. The `.kiro` in the home folder holds Kiro's own settings
    and is ignored.
    """
    return find_workspace(cwd, environ)[0]


def find_workspace(cwd: str, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return the root of the workspace that `cwd` is in, and whether it is a shared folder."""
    folder = start = os.path.realpath(cwd)
    while not is_shared_folder(folder, environ):
        if os.path.isdir(os.path.join(folder, ".kiro")):
            return folder, False
        if _kind_of_git_entry(folder):
            return folder, False
        folder = os.path.dirname(folder)
    return start, folder == start


def _kind_of_git_entry(folder: str) -> str:
    try:
        mode = os.stat(os.path.join(folder, ".git")).st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def git_directory(root: str) -> tuple[str, str]:
    """Return the git directory of a work tree's root, and the kind of work tree.

    The kind is "repository", "worktree", "submodule" or, outside git, "".
    """
    entry = os.path.join(root, ".git")
    kind = _kind_of_git_entry(root)
    if kind == "folder":
        return entry, "repository"
    pointer = _read_small_file(entry) if kind == "file" else ""
    if not pointer.startswith("gitdir: "):
        return "", ""
    target = os.path.normpath(os.path.join(root, pointer[8:].strip()))
    return target, "worktree" if "/worktrees/" in target.replace(os.sep, "/") else "submodule"


def git_branch(root: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the branch of the work tree that `root` is in, "" if it has none."""
    folder = root
    while not _kind_of_git_entry(folder):
        parent = os.path.dirname(folder)
        if parent == folder or is_shared_folder(parent, environ):
            return ""
        folder = parent
    directory, _ = git_directory(folder)
    head = _read_small_file(os.path.join(directory, "HEAD")) if directory else ""
    return head[16:].strip() if head.startswith("ref: refs/heads/") else ""


def _read_small_file(path: str) -> str:
    # A workspace can come from anywhere: its files may be FIFOs, devices or endless.
    try:
        return read_regular(path, _MAX_GIT_FILE, follow=True).decode("utf-8", "replace")
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return ""
