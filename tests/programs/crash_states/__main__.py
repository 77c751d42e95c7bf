"""Replay what a crash or a power loss can leave of a command: run as a program.

`python -m programs.crash_states FOLDER DROPS LIMIT [CASE]...` records the operations of each case's
programs (`record`), builds the states that a crash at each moment can leave of them
(`disk`, with up to DROPS operations missing), and lets the next reader and the next
commands work on each; with a LIMIT above 0 on about so many of them, evenly chosen, and on those
with holes. For each case it prints the numbers of operations and of states, and what was wrong,
as JSON.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from programs import hostile
from programs.crash_states import files, flawed, hook, maintenance
from programs.crash_states.case import Case, Space, Step
from programs.crash_states.disk import Fault, Recording, put
from support import TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = {**hook.CASES, **maintenance.CASES, **files.CASES}
FLAWED = flawed.CASES
UNSEEN = {"unseen": flawed.Unseen}


class Replay:
    """The states of one case, in a folder of its own: some names depend on where it is."""

    def __init__(self, base: Path, kind: type[Case]) -> None:
        self._base = base
        self._run = base / "run"
        self._kind = kind
        self._run.mkdir(parents=True)
        case = kind(Space(self._run))
        os.environ.clear()
        os.environ.update({"PATH": os.defpath, **case.space.environ, **case.settings()})
        case.before()
        self._ends: list[int] = []
        logs = []
        for number, step in enumerate(case.steps):
            logs.append(base / f"log-{number}")
            self._record(case, step, logs[-1])
            self.recording = Recording(logs)
            self._ends.append(len(self.recording.operations))
        self._start = self.recording.files(Fault(0))
        self._end = self.recording.files(self.recording.end())

    def _record(self, case: Case, step: Step, log: Path) -> None:
        words = ["-m", "programs.crash_states.record", log, self._run, step.program]
        holder = case.space.locked() if case.is_locked else nullcontext()
        with holder:
            done = subprocess.run(
                [sys.executable, *words, *case.space.words_of(step)], cwd=TESTS, check=False,
                input=json.dumps(step.fields or {}).encode(), capture_output=True, timeout=60,
            )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def missed(self) -> list[str]:
        """Return the paths where all recorded operations together do not give the real files."""
        recording = self.recording
        made = {path: (mode, data) for path, mode, data in recording.disk(recording.end()).tree()}
        there = {}
        for path in self._run.rglob("*"):
            data = None if path.is_dir() else path.read_bytes()
            there[str(path.relative_to(self._run))] = (path.stat().st_mode & 0o7777, data)
        wrong = [str(operation) for operation in recording.unknown]
        return wrong + [name for name in {**made, **there} if made.get(name) != there.get(name)]

    def states(self, drops: int) -> Iterator[tuple[Fault, int, list]]:
        """Yield each state once: a fault that makes it, how many steps had ended, the files."""
        found: dict[tuple, tuple[Fault, int, list]] = {}
        for fault in self.recording.faults(drops):
            tree = list(self.recording.disk(fault).tree())
            done = sum(end <= fault.after for end in self._ends)
            key = (tuple(tree), fault.has_hole)
            # The strongest promise so far applies.
            if key not in found or found[key][1] < done:
                found[key] = (fault, done, tree)
        yield from found.values()

    def problems(self, fault: Fault, done: int, tree: list) -> list[str]:
        """Put a state where the recording was made; return what is wrong with it."""
        shutil.rmtree(self._run)
        self._run.mkdir()
        put(tree, self._run)
        case = self._kind(Space(self._run))
        case.start, case.end = self._start, self._end
        try:
            wrong = case.problems(done, has_hole=fault.has_hole)
        except Exception:  # noqa: BLE001  (whatever it is, it is a finding)
            wrong = [traceback.format_exc()[-1000:]]
        return [f"{fault.told(self.recording.operations)}: {'; '.join(wrong)}"] if wrong else []


def replay(base: Path, drops: int, limit: int, name: str) -> dict:
    """Replay one case."""
    try:
        run = Replay(base / re.sub(r"\W+", "-", name), {**CASES, **FLAWED, **UNSEEN}[name])
        missed = run.missed()
        assert not missed, f"not recorded: {missed}"
    except Exception:  # noqa: BLE001  (the other cases go on)
        return {"operations": 0, "states": 0, "wrong": [traceback.format_exc()[-2000:]]}
    states = list(run.states(drops))
    stride = max(1, len(states) // limit) if limit else 1
    # The few that have a hole are like no others.
    chosen = [s for n, s in enumerate(states) if n % stride == 0 or s[0].has_hole]
    wrong = [text for state in chosen for text in run.problems(*state)]
    return {"operations": len(run.recording.operations), "states": len(chosen), "wrong": wrong}


def main(base: Path, drops: int, limit: int, names: list[str]) -> dict[str, dict]:
    """Replay cases, as many at a time as there are processors."""
    hostile.load()
    with get_context("fork").Pool() as pool:
        found = pool.map(partial(replay, base, drops, limit), names, chunksize=1)
    return dict(zip(names, found, strict=True))


if __name__ == "__main__":
    _base, _drops, _limit, *_names = sys.argv[1:]
    print(json.dumps(main(Path(_base), int(_drops), int(_limit), _names or list(CASES))))  # noqa: T201
