"""The parts of scripts/torture: each runs a program of tests/programs and reads its JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torture_table import Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

TESTS = Path(__file__).parents[1] / "tests"
SHARED = "/dev/shm"  # noqa: S108  (folders of unguessable names are made in it)
KILLS = 2000


class Machine:
    """The folders in which the parts run, and whether they run the short way."""

    def __init__(self, folder: str, *, quick: bool) -> None:
        """Make a folder on a disk, and one in memory if the system has such a place."""
        self.quick = quick
        self._disk = tempfile.TemporaryDirectory(dir=folder or None)
        in_memory = SHARED if os.access(SHARED, os.W_OK) else None
        self._memory = tempfile.TemporaryDirectory(dir=in_memory)
        self.has_memory = in_memory is not None

    def __enter__(self) -> Self:
        """Return the machine."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folders."""
        self._disk.cleanup()
        self._memory.cleanup()

    def folder(self, *, memory: bool) -> str:
        """Return a new folder."""
        return tempfile.mkdtemp(dir=(self._memory if memory else self._disk).name)

    def run(self, program: str, *words: object) -> dict[str, Any]:
        """Run a program of tests/programs and return what it printed.

        Raises:
            RuntimeError: it failed, so there are no results.
        """
        done = subprocess.run(
            [sys.executable, "-m", f"programs.{program}", *map(str, words)],
            cwd=TESTS, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} {words}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def storm(self, *, memory: bool, **values: object) -> dict[str, Any]:
        """Run the storm in a new folder."""
        folder = self.folder(memory=memory)
        return self.run("storm", json.dumps({"base": folder, **values}))


_STORMS: dict[str, tuple[bool, dict[str, object]]] = {
    "400 B, disk, fsync": (False, {"size": 400}),
    "20 kB, disk, fsync": (False, {"size": 20_000}),
    "turns, disk, fsync": (False, {"mode": "pairs"}),
    "400 B, memory, fsync": (True, {"size": 400}),
    "20 kB, memory, fsync": (True, {"size": 20_000}),
    "300 kB, memory": (True, {"size": 300_000, "workers": 4, "wait_ms": 1000,
                              "durability": "none"}),
    "turns, memory": (True, {"mode": "pairs", "durability": "none"}),
}  # fmt: skip


def _kill_storms(machine: Machine) -> list[Row]:
    wanted = 10 if machine.quick else KILLS // len(_STORMS) + 1
    rows = []
    for name, (memory, values) in _STORMS.items():
        row, seed = Row(f"kill storm, {name}"), 0
        while row.kills < wanted:
            seed += 1
            seconds = 2 if machine.quick else 10
            done = machine.storm(memory=memory, seconds=seconds, kills_every=0.008, seed=seed,
                                 **values)  # fmt: skip
            _add_storm(row, done)
        rows.append(row)
    flawed = machine.storm(memory=True, seconds=90, kills_every=0.008, flawed=True,
                           until_lost=True, **_STORMS["300 kB, memory"][1])  # fmt: skip
    for row in rows:
        row.control = len(flawed["damaged"]) + len(flawed["lost"])
    return rows


def _add_storm(row: Row, done: dict[str, Any]) -> None:
    row.kills += done["kills"]
    row.accepted += done["accepted"] + done["starts"]
    row.found += done["rows"]
    row.lost += len(done["lost"]) + done["spooled"] + done["without_usage"]
    row.torn += len(done["damaged"]) + (not done["ends_whole"])
    row.doubled += len(done["twice"])


def _line_sweeps(machine: Machine) -> list[Row]:
    rows = []
    for scenario in ("append", "stop", "drain", "spool"):
        stride = 29 if machine.quick else 1
        done = machine.run("sweep", machine.folder(memory=True), scenario, stride)
        row = Row(f"killed at each line: {scenario}", kills=done["lines"] // stride)
        row.wrong, row.lost = done["wrong"], len(done["wrong"])
        rows.append(row)
    flawed = machine.run("sweep", machine.folder(memory=True), "append", 29, "flawed")
    for row in rows:
        row.control = len(flawed["wrong"])
    return rows


def _maintenance_sweeps(machine: Machine) -> list[Row]:
    rows = []
    for job in ("rotate", "compress", "prune", "backup", "merge", "repair"):
        stride = 12 if machine.quick else 1
        done = machine.run("maintenance_sweep", machine.folder(memory=True), job, stride)
        rows.append(Row(f"killed at each line: {job}", kills=done["kills"],
                        lost=len(done["wrong"]), wrong=done["wrong"]))  # fmt: skip
    flawed = machine.run("maintenance_sweep", machine.folder(memory=True), "copytruncate", 1)
    for row in rows:
        row.control = len(flawed["wrong"])
    return rows


def _maintenance_storms(machine: Machine) -> list[Row]:
    rows = []
    events = 60 if machine.quick else 500
    for job in ("backup", "restore", "rotate", "prune", "repair", "drain"):
        done = machine.run("maintenance_storm", machine.folder(memory=True), job, 4, events)
        row = Row(f"writers during: {job}", faults=done["rounds"], accepted=done["accepted"])
        row.found = row.accepted - done["lost"]
        row.lost = done["lost"] + done["without_usage"] + done["waiting"]
        row.doubled, row.wrong = done["twice"], done["unexpected"]
        rows.append(row)
    flawed = machine.run("maintenance_storm", machine.folder(memory=True), "copytruncate", 4,
                         120)  # fmt: skip
    for row in rows:
        row.control = flawed["lost"] + flawed["twice"]
    return rows


def _faults(kind: str, title: str, tool: str, quick: int, full: int) -> Callable[..., list[Row]]:
    def part(machine: Machine) -> list[Row]:
        if tool and not shutil.which(tool):
            return [Row(title, skipped=f"no {tool}")]
        stride = quick if machine.quick else full
        folder = machine.folder(memory=True)
        done = machine.run("faults", folder, kind, stride)
        flawed = machine.run("faults", folder, kind, quick, "flawed")
        row = Row(title, kills=done["kills"], faults=done["faults"], accepted=done["accepted"])
        row.lost, row.torn, row.doubled = (len(done[n]) for n in ("lost", "torn", "twice"))
        row.found = row.accepted - row.lost
        row.wrong = [*done["lost"], *done["torn"], *done["twice"]]
        row.control = sum(len(flawed[name]) for name in ("lost", "torn", "twice"))
        return [row]

    return part


def _power(machine: Machine) -> list[Row]:
    title = "power loss, ext4, durability=fsync"
    if os.name != "posix" or os.geteuid() != 0:
        return [Row(title, skipped="mounting needs root")]
    cuts = 2 if machine.quick else 50
    done = machine.run("power", machine.folder(memory=False), cuts, "fsync")
    if "cannot" in done:
        return [Row(title, skipped=done["cannot"])]
    flawed = machine.run("power", machine.folder(memory=False), 2, "none")
    return [Row(title, faults=done["cuts"], accepted=done["accepted"],
                found=done["accepted"] - done["lost"], lost=done["lost"], torn=done["torn"],
                doubled=done["twice"], control=flawed.get("lost", 0))]  # fmt: skip


_FLAWED = ("no fsync", "rewrite in place", "rename without fsync", "compress without fsync")


def _replay(machine: Machine) -> list[Row]:
    # One row for each kind of command; its faults are the states that a power loss can leave.
    drops, limit = (1, 24) if machine.quick else (2, 0)
    found = machine.run("crash_states", machine.folder(memory=True), drops, limit)
    flawed = machine.run("crash_states", machine.folder(memory=True), 1, limit, *_FLAWED)
    rows: dict[str, Row] = {}
    for name, done in found.items():
        kind = name.partition(":")[0]
        row = rows.setdefault(kind, Row(f"crash states: {kind}"))
        row.faults += done["states"]
        row.wrong += [f"{name}, {text}" for text in done["wrong"]]
        row.lost = len(row.wrong)
        # Every flawed writer must be caught in at least one state.
        row.control = min(len(one["wrong"]) if one["states"] else 0 for one in flawed.values())
    return list(rows.values())


def _race(machine: Machine) -> list[Row]:
    rows = []
    seconds = 2 if machine.quick else 30
    for name in (".kiro", ".kiro/.tokentrack"):
        title = f"swap race, {name}"
        if not sys.platform.startswith("linux"):
            rows.append(Row(title, skipped="no renameat2"))
            continue
        done = machine.run("hostile", machine.folder(memory=True), name, seconds)
        flawed = machine.run("hostile", machine.folder(memory=True), ".kiro", 2, "flawed")
        row = Row(title, faults=done["swaps"], accepted=done["accepted"],
                  found=done["accepted"] - done["lost"], lost=done["lost"])  # fmt: skip
        row.control = flawed["outside"]
        row.wrong = [f"{done['outside']} rows outside"] if done["outside"] else []
        rows.append(row)
    return rows


def _state_files(machine: Machine) -> list[Row]:
    shapes = 100 if machine.quick else 3000
    done = machine.run("state_files", machine.folder(memory=True), shapes)
    flawed = machine.run("state_files", machine.folder(memory=True), 60, "flawed")
    row = Row("any shape of a state file", faults=done["shapes"], accepted=2 * done["shapes"])
    row.lost, row.wrong = len(done["lost"]), [*done["lost"], *done["wrong"]]
    row.found = row.accepted - row.lost
    row.control = len(flawed["lost"]) + len(flawed["wrong"])
    return [row]


def _signals(machine: Machine) -> list[Row]:
    rows = []
    count = 30 if machine.quick else 300
    for name in ("int", "term"):
        done = machine.run("signals", machine.folder(memory=True), name, count)
        flawed = machine.run("signals", machine.folder(memory=True), name, 30, "flawed")
        row = Row(f"SIG{name.upper()} at any moment of a hook", faults=done["signals"],
                  accepted=done["accepted"], lost=len(done["lost"]))  # fmt: skip
        row.found, row.control = row.accepted - row.lost, len(flawed["lost"])
        rows.append(row)
    return rows


PARTS: dict[str, Callable[[Machine], list[Row]]] = {
    "storms": _kill_storms,
    "lines": _line_sweeps,
    "calls": _faults("kills", "killed at each system call", "strace", 5, 1),
    "maintenance": _maintenance_sweeps,
    "alongside": _maintenance_storms,
    "errors": _faults("errors", "errno at each system call", "strace", 5, 1),
    "short": _faults("short", "writes cut short", "cc", 4, 1),
    "limits": _faults("limits", "RLIMIT_FSIZE", "prlimit", 4, 1),
    "power": _power,
    "replay": _replay,
    "race": _race,
    "signals": _signals,
    "state": _state_files,
    "fuzz": _faults("fuzz", "any bytes on stdin", "", 3, 60),
}
