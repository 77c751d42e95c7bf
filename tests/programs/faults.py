"""System calls that fail while an event is recorded: run as a program.

`python faults.py FOLDER KIND STRIDE [flawed]` records an event for each call that can fail, and
prints as JSON how many faults there were, and which accepted events are not there exactly once.
KIND is `errors` (every errno at every call, with strace), `kills` (SIGKILL at every call, with
strace), `short` (real short writes, with cc), `limits` (RLIMIT_FSIZE) or `fuzz` (any bytes on
stdin, for STRIDE seconds).
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.ledgers import Workspace, line_of, transaction
from tokentrack.recorder.rescue import losses
from tokentrack.store.directory import Directory

CALLS = ("write", "fsync", "renameat", "unlinkat", "openat", "ftruncate", "mkdirat")
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EFBIG", "EROFS")
REFUSED = 3
# Neither pytest nor the tests' modules: only what the hook itself loads.
RECORD = (
    "import os, sys; from tokentrack.recorder import hook_run; "
    "os.environ['PYTHONWARNINGS'] = ''; "
    f"sys.exit(0 if hook_run.run(['--workspace', sys.argv[1]], os.environ) else {REFUSED})"
)
# The control: says that all is well, whatever the disk said.
CARELESS = (
    "import json, os, sys\n"
    "tag = json.load(sys.stdin)['execution_id']\n"
    "line = sys.argv[2].encode().decode('unicode_escape').replace('TAG', tag)\n"
    "try:\n"
    "    at = os.open(sys.argv[1] + '/.kiro', os.O_RDONLY)\n"
    "    fd = os.open('token_transactions.csv', os.O_WRONLY | os.O_APPEND, dir_fd=at)\n"
    "    os.write(fd, line.encode()[:50])\n"
    "    os.write(fd, line.encode()[50:])\n"
    "    os.fsync(fd)\n"
    "except OSError:\n"
    "    pass\n"
)


class Trial:
    """A workspace in which one recording fails somewhere."""

    def __init__(self, base: Path, *, flawed: bool, backlog: bool = False) -> None:
        self.space = Workspace(base, hook_lock_timeout_ms=0)
        self.flawed = flawed
        self.must_count = False
        self.accepted = ["neighbour"]
        assert self.space.complete("neighbour")
        if backlog:
            for number in range(3):
                self.space.put_in_spool(self.space.event(
                    "agentExecutionCompleted", execution_id=f"waits-{number}",
                    session_id="w", at=1 + number))  # fmt: skip
                self.accepted.append(f"waits-{number}")

    def record(self, prefix: list[str], **environ: str) -> int:
        """Record the event of the fault and return how its process ended."""
        space = self.space
        payload = {"hook_event_name": "agentExecutionCompleted", "execution_id": "faulty",
                   "session_id": "f", "prompt": "p" * 300}  # fmt: skip
        code = [RECORD] if not self.flawed else [CARELESS]
        line = repr(line_of(transaction("TAG")).decode())[1:-1]
        done = subprocess.run(
            [*prefix, sys.executable, "-I", "-c", *code, str(space.root), line],
            input=json.dumps(payload).encode(), capture_output=True, check=False,
            env={**space.environ, "PATH": os.defpath, **environ}, timeout=60,
        )  # fmt: skip
        if done.returncode == 0:
            self.accepted.append("faulty")
        return done.returncode

    def problems(self) -> tuple[list[str], list[str], bool]:
        """Return which accepted rows are missing or there twice, and whether a row is torn."""
        space = self.space
        for tag in ("next", "last"):
            if self.flawed:
                with space.ledger.open("ab") as file:
                    file.write(line_of(transaction(tag)))
            else:
                assert space.complete(tag)
            self.accepted.append(tag)
        try:
            ids = space.ids()
        except (AssertionError, ValueError):
            return [], [], True
        lost = [tag for tag in self.accepted if tag not in ids]
        twice = sorted({tag for tag in ids if ids.count(tag) > 1})
        lost += [f"{path.name} waits" for path in [*space.spooled(), *space.rescued()]]
        if self.must_count and "faulty" not in [*self.accepted, *ids] and not self._is_counted():
            lost.append("a refused event is not counted")
        return lost, twice, False

    def _is_counted(self) -> bool:
        places = [self.space.state, *self.space.home.glob(".local/state/tokentrack/*")]
        for place in places:
            if place.is_dir():
                with Directory.open(str(place)) as folder:
                    if losses(folder):
                        return True
        return False


class Report:
    def __init__(self) -> None:
        self.found = {"faults": 0, "kills": 0, "accepted": 0, "lost": [], "twice": [], "torn": []}

    def add(self, trial: Trial, where: str, *, killed: bool = False) -> None:
        lost, twice, torn = trial.problems()
        self.found["kills" if killed else "faults"] += 1
        self.found["accepted"] += len(trial.accepted)
        self.found["lost"] += [f"{where}: {tag}" for tag in lost]
        self.found["twice"] += [f"{where}: {tag}" for tag in twice]
        self.found["torn"] += [where] if torn else []


def _strace(base: Path, call: str, what: str, number: str) -> list[str]:
    # Only calls on the recording's own folders: the interpreter opens many files.
    space = Workspace(base)
    kiro, state = space.kiro, space.state
    folders = [space.root, kiro, state, *(state / n for n in ("running", "closed", "quarantine")),
               state / "spool", state / "spool/new", state / "spool/tmp"]  # fmt: skip
    paths = [word for folder in folders for word in ("-P", str(folder))]
    return ["strace", "-f", "-o", str(base / "trace"), "-e", f"trace={call}",
            "-e", f"inject={call}:{what}:when={number}",
            *(paths if call in ("openat", "renameat", "unlinkat", "mkdirat") else [])]  # fmt: skip


def _each_call(
    base: Path, what: str, stride: int, report: Report, *, flawed: bool, on: str = ""
) -> None:
    # With `on` of "+", each later call fails too.
    killing = what.startswith("signal")
    for call in CALLS:
        number = 1
        while True:
            folder = base / f"{call}-{number}"
            trial = Trial(folder, flawed=flawed, backlog=killing)
            code = trial.record(_strace(folder, call, what, f"{number}{on}"))
            # A dead process counts nothing, and neither does a process on a full disk.
            trial.must_count = not (killing or on or flawed)
            happened = b"INJECTED" in (folder / "trace").read_bytes() or code == -9
            if happened:
                report.add(trial, f"{what} at {call} {number}{on}", killed=killing)
            shutil.rmtree(folder)
            if not happened:
                break
            number += stride


def _errors(base: Path, stride: int, report: Report, *, flawed: bool) -> None:
    for error in ERRORS[: 1 if stride > 1 else None]:
        for on in ("", "+"):
            _each_call(base, f"error={error}", stride, report, flawed=flawed, on=on)


def _kills(base: Path, stride: int, report: Report, *, flawed: bool) -> None:
    _each_call(base, "signal=SIGKILL", stride, report, flawed=flawed)


def _short(base: Path, stride: int, report: Report, *, flawed: bool) -> None:
    shim = base / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    for error in ("", ":28", ":5"):
        for number in range(1, 7):
            for taken in range(1, 420, 37 * stride):
                folder = base / f"short-{number}"
                trial = Trial(folder, flawed=flawed)
                where = f"{number}:{taken}{error}"
                trial.record([], LD_PRELOAD=str(shim), SHORT_WRITE=where,
                             SHORT_WRITE_PATH=str(folder))  # fmt: skip
                report.add(trial, f"a write cut short {where}")
                shutil.rmtree(folder)


def _limits(base: Path, stride: int, report: Report, *, flawed: bool) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, 1500, 25 * stride):
        folder = base / f"limit-{limit}"
        trial = Trial(folder, flawed=flawed)
        prefix = ["prlimit", f"--fsize={limit}:{hard}"]
        trial.record(prefix)
        report.add(trial, f"no file over {limit} bytes")
        shutil.rmtree(folder)


def _fuzz(base: Path, stride: int, report: Report, *, flawed: bool) -> None:
    from programs import hostile

    hostile.load()
    trial = Trial(base / "fuzz", flawed=False)
    space, chance = trial.space, random.Random(7)
    deadline = time.monotonic() + stride
    while time.monotonic() < deadline:
        datas = [_mutated(chance) for _ in range(20)]
        report.found["faults"] += len(datas)
        if flawed:
            report.found["lost"] += [d for d in datas if not _is_read_naively(d)][:1]
            continue
        said = hostile.run_all([(["hook-run"], data) for data in datas], space.root, space.home)
        report.found["lost"] += [f"it said {said[:100]}"] if said else []
        tag = f"sound-{report.found['faults']}"
        assert space.complete(tag)
        trial.accepted.append(tag)
    report.add(trial, "any bytes on stdin")
    report.found["lost"] = [str(text)[:200] for text in report.found["lost"]]


def _mutated(chance: random.Random) -> bytes:
    fields = {"hook_event_name": chance.choice(("Stop", "UserPromptSubmit", "PostToolUse", "x")),
              "session_id": "fuzz", "prompt": "p" * chance.randrange(50),
              "usage": {"input_tokens": 5}, "cwd": ".."}  # fmt: skip
    data = bytearray(json.dumps(fields).encode())
    for _ in range(chance.randrange(8)):
        at = chance.randrange(len(data) + 1)
        piece = chance.choice((chance.randbytes(3), b'"', b"{", b"[" * 50, b"9" * 5000, b"\0",
                               b"\\ud800", b"1e999", b"\xff\xfe", b",null", b"}"))  # fmt: skip
        data[at : at + chance.choice((0, 1, 5))] = piece
    return bytes(data) if chance.random() < 0.8 else chance.randbytes(chance.randrange(400))


def _is_read_naively(data: bytes) -> bool:
    try:
        return bool(json.loads(data)["hook_event_name"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


KINDS = {"errors": _errors, "kills": _kills, "short": _short, "limits": _limits, "fuzz": _fuzz}


def run(folder: Path, kind: str, stride: int, *, flawed: bool = False) -> dict:
    report = Report()
    with tempfile.TemporaryDirectory(dir=folder) as base:
        KINDS[kind](Path(base), stride, report, flawed=flawed)
    return report.found


if __name__ == "__main__":
    _folder, _kind, _stride, *_flawed = sys.argv[1:]
    print(json.dumps(run(Path(_folder), _kind, int(_stride), flawed=bool(_flawed))))  # noqa: T201
