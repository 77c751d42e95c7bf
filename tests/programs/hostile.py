"""Hostile workspaces: links, pipes, devices and paths that lead outside.

`PITS` has a function for each: it puts its trap into a workspace and points it at a victim's
folder. That folder looks like a workspace, so a program that follows the trap finds something to
change. `race` swaps folders for links while processes record: `python -m programs.hostile FOLDER
NAME SECONDS [flawed]` prints the results as JSON.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import shutil
import signal
import stat
import sys
import time
import traceback
from pathlib import Path

from support.ledgers import ID, Workspace
from tokentrack.models.columns import COLUMNS
from tokentrack.store import codec

LEDGER = "token_transactions.csv"
STATE = ".tokentrack"
FOLDERS = (
    ".kiro", ".kiro/.tokentrack", ".kiro/.tokentrack/spool", ".kiro/.tokentrack/spool/new",
    ".kiro/.tokentrack/spool/tmp", ".kiro/.tokentrack/running", ".kiro/.tokentrack/closed",
    ".kiro/.tokentrack/quarantine", ".kiro/.tokentrack/pending", ".kiro/hooks",
)  # fmt: skip
FILES = (
    ".kiro/token_transactions.csv", ".kiro/token_transactions.csv.lock", ".kiro/token_usage.csv",
    ".kiro/token_transactions_20260101.csv", ".kiro/token_usage_20260101.csv",
    ".kiro/token_transactions_20260102.csv.gz",
    ".kiro/token_transactions_backup_20260101_000000.csv",
    ".kiro/.tokentrack/tokentrack.log", ".kiro/.tokentrack/lost.log",
    ".kiro/.tokentrack/drain.json", ".kiro/.tokentrack/drained.json",
    ".kiro/.tokentrack/running/s-s1..json", ".kiro/.tokentrack/closed/s-s1",
    ".kiro/.tokentrack/closed/swept",
    ".kiro/.tokentrack/spool/new/00000000000000001-aaaaaaaaaaaa.9.json",
    ".kiro/token_tracker_config.json", ".kiro/hooks/token-tracking.kiro.hook", ".gitignore",
)  # fmt: skip


def prepare(victim: Path) -> None:
    """Fill the victim's folder: every name of a workspace, with rows, old, and open to read."""
    space = Workspace(victim, durability="none")
    shutil.rmtree(victim / "home")
    assert space.record(space.event("UserPromptSubmit", session_id="s1", prompt="victim"))
    for number in range(3):
        assert space.complete(f"victim-{number}")
    for name in FOLDERS:
        (space.root / name).mkdir(exist_ok=True, parents=True)
    for name in FILES:
        path = space.root / name
        if not path.exists():
            path.write_bytes(space.ledger.read_bytes() if name.endswith(".csv") else b"{}\n")
    for folder in ("spool/tmp", "running", "closed", "."):
        (space.state / folder / "left.0a1b.tmp").write_bytes(b"left")
    with space.ledger.open("ab") as file:
        file.write(b"torn")
    for path in space.root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (1_700_000_000, 1_700_000_000))


def snapshot(folder: Path) -> dict[str, tuple]:
    """Return of every entry what a write, a chmod, a rename or a removal would change."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_ino, status.st_size, data)
    return found


# --- the traps ---


def _clear(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


def _link(name: str):
    return lambda root, victim: _clear(root / name).symlink_to(victim / name)


def _dangling(name: str):
    return lambda root, victim: _clear(root / name).symlink_to(victim / "made-by-tokentrack")


def _up(name: str):
    def make(root: Path, victim: Path) -> None:
        path = _clear(root / name)
        path.symlink_to(os.path.relpath(victim / name, path.parent))

    return make


def _hard_link(name: str):
    return lambda root, victim: os.link(victim / name, _clear(root / name))


def _pipe(name: str):
    return lambda root, _victim: os.mkfifo(_clear(root / name))


def _device(name: str):
    return lambda root, _victim: os.mknod(_clear(root / name), 0o666 | stat.S_IFCHR, DEVICE)


def _configured(path: str, *, in_hook: bool = False):
    def make(root: Path, victim: Path) -> None:
        fields = {"csv_file_path": path.replace("VICTIM", str(victim))}
        if in_hook:
            hook = _clear(root / ".kiro/hooks/token-tracking.kiro.hook")
            hook.write_text(json.dumps({"name": "x", "configuration": fields}))
        else:
            _clear(root / ".kiro/token_tracker_config.json").write_text(json.dumps(fields))
        (root / ".kiro" / "way").symlink_to(victim / ".kiro")

    return make


PATHS = (
    "VICTIM/.kiro/token_transactions.csv", "VICTIM/new.csv", "../victim/workspace/new.csv",
    ".kiro/../../victim/workspace/.kiro/new.csv", ".kiro/way/token_transactions.csv",
    ".kiro/way/new.csv", "new/../../new.csv", "~/new.csv", ".kiro/./../new.csv",
)  # fmt: skip

DEVICE = os.makedev(1, 7) if hasattr(os, "makedev") else 0  # full: reads and refuses to be written

PITS = {
    **{f"a link for {name}": _link(name) for name in (*FOLDERS, *FILES)},
    **{f"a dangling link for {name}": _dangling(name) for name in (*FOLDERS, *FILES)},
    **{f"a link upwards for {name}": _up(name) for name in FOLDERS[:3]},
    **{f"a hard link for {name}": _hard_link(name) for name in FILES},
    **{f"a pipe for {name}": _pipe(name) for name in FILES},
    **{f"csv_file_path {path}": _configured(path) for path in PATHS},
    **{f"the hook's csv_file_path {path}": _configured(path, in_hook=True) for path in PATHS},
}
DEVICES = {f"a device for {name}": _device(name) for name in FILES}


# --- the program, many times ---


def load() -> None:
    """Load what the commands use, once for all children."""
    import jsonschema  # noqa: F401  (so that no child has to)

    import tokentrack.cli
    import tokentrack.recorder.hook_run
    import tokentrack.recorder.rescue

    for module in pkgutil.walk_packages(tokentrack.__path__, "tokentrack."):
        if module.name.startswith(("tokentrack.cli.", "tokentrack.maintenance.")):
            importlib.import_module(module.name)


def run(words: list[str], root: Path, home: Path, payload: bytes = b"", **environ: str) -> str:
    """Run the program in a child of this process, see `load`; return what it printed."""
    return run_all([(words, payload)], root, home, **environ)


def run_all(steps: list[tuple[list[str], bytes]], root: Path, home: Path, **environ: str) -> str:
    """Run the program several times in one child; return what it printed."""
    environ = {"HOME": str(home), "PATH": os.defpath, **environ}
    log = home / "output"
    log.write_bytes(b"")
    pid = os.fork()
    if pid == 0:
        for words, payload in steps:
            _become(words, root, home, payload, environ)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    text = log.read_text(errors="backslashreplace")
    assert status == 0, f"ended with {status}: {text}"
    return text


def _become(
    words: list[str], root: Path, home: Path, payload: bytes, environ: dict[str, str]
) -> None:
    try:
        signal.alarm(30)  # only turns a hang into a failure
        (home / "input").write_bytes(payload)
        os.dup2(os.open(home / "input", os.O_RDONLY), 0)
        output = os.open(home / "output", os.O_WRONLY | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.chdir(root)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["tokentrack", *words]
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        from tokentrack.__main__ import main

        main()
    except SystemExit:
        pass
    except BaseException:  # noqa: BLE001  (the child ends here, whatever it was)
        traceback.print_exc(file=(home / "output").open("a"))
        os._exit(70)
    sys.stdout.flush()
    sys.stderr.flush()


COMMANDS = (
    ["status"], ["backup"], ["backup", "list"], ["verify"], ["repair"], ["rotate"],
    ["prune", "--yes"], ["restore", "--yes"], ["restore", "--replace", "--yes"],
    ["backup", "prune", "--yes"], ["init"], ["init", "--force"], ["validate-hooks"], ["uninstall"],
)  # fmt: skip


# --- folders that become links while processes record ---


def exchange(first: Path, second: Path) -> None:
    """Swap two names at one moment (Linux)."""
    done = _LIBC.renameat2(-100, os.fsencode(first), -100, os.fsencode(second), 2)
    if done:
        raise OSError(ctypes.get_errno(), "renameat2")


_LIBC = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
CAN_EXCHANGE = hasattr(_LIBC, "renameat2")


def race(base: Path, name: str, seconds: float, *, flawed: bool = False, workers: int = 3) -> dict:
    """Swap a folder of the workspace for a link to a victim's and back while processes record.

    Returns how often it was swapped, the rows accepted, found in the workspace, and outside.
    """
    victim = Workspace(base / "victim", durability="none")
    space = Workspace(base, durability="none", hook_lock_timeout_ms=5)
    for one in (space, victim):
        assert one.complete("first")
    (space.root / "link").symlink_to(victim.root / name)
    writers = [_fork(space, number, seconds, flawed=flawed) for number in range(workers)]
    swaps, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        exchange(space.root / name, space.root / "link")
        swaps += 1
        if swaps % 8 == 0:
            time.sleep(0.0002)
    for pid in writers:
        assert os.waitpid(pid, 0)[1] == 0
    if swaps % 2:
        exchange(space.root / name, space.root / "link")
    outside = _foreign_rows(victim)
    if not flawed:
        space.tracker.drain()
    accepted = [tag for path in base.glob("accepted-*") for tag in path.read_text().split()]
    found = set(_ids(space.ledger))
    return {
        "swaps": swaps,
        "accepted": len(accepted),
        "lost": len(set(accepted) - found),
        "outside": outside,
    }


def _fork(space: Workspace, number: int, seconds: float, *, flawed: bool) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _record(space, number, time.monotonic() + seconds, flawed=flawed)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)


def _record(space: Workspace, number: int, deadline: float, *, flawed: bool) -> None:
    notes = (space.root.parent / f"accepted-{number}").open("w")
    count = 0
    while time.monotonic() < deadline:
        tag = f"w{number}-{count}"
        count += 1
        done = _checked_append(space, tag) if flawed else space.complete(tag)
        if done:
            notes.write(f"{tag}\n")
    notes.close()


def _checked_append(space: Workspace, tag: str) -> bool:
    # The control: look where the path leads, then open it by its name.
    from support.ledgers import line_of, transaction

    try:
        if not os.path.realpath(space.ledger).startswith(f"{space.root}/.kiro/"):
            return False
        with open(space.ledger, "ab", buffering=0) as file:
            file.write(line_of(transaction(tag)))
    except OSError:
        return False
    return True


def _foreign_rows(victim: Workspace) -> int:
    # Rows of the ledger, and everything else that is not of the victim's own doing.
    files = [path for path in victim.kiro.rglob("*") if path.is_file()]
    own = {"first"}
    rows = set(_ids(victim.ledger)) - own
    marked = [path for path in files if path.suffix == ".json" and b'"w' in path.read_bytes()]
    return len(rows) + len(marked)


def _ids(path: Path) -> list[str]:
    lines = path.read_bytes().split(b"\n")[1:-1]
    rows = [codec.decode_line(line.decode()) for line in lines]
    return [row[ID] for row in rows if len(row) == len(COLUMNS)]


if __name__ == "__main__":
    _base, _name, _seconds, *_flawed = sys.argv[1:]
    print(json.dumps(race(Path(_base), _name, float(_seconds), flawed=bool(_flawed))))  # noqa: T201
