"""Start hook processes one after the other, and measure how long each takes."""

from __future__ import annotations

import csv
import json
import os
import random
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

MODES = {"fsync": "fsync", "no fsync": "none"}
ENTRY_POINT = "from tokentrack.__main__ import main"


class BenchmarkError(Exception):
    """Nothing was measured, or the wrong thing; the message says what to do."""


class Command(NamedTuple):
    """A process to start."""

    words: list[str]
    environ: dict[str, str]
    stdin: str


class Bench:
    """The commands to measure, and the loop that starts them."""

    def __init__(self, folder: Path, python: Path, launcher: Path, environ: dict[str, str]) -> None:
        """Make a workspace for each mode."""
        self._folder = folder
        self._environ = environ
        self._python = str(python)
        self._launcher = str(launcher)
        self._plain = {"bare": Command([self._python, "-I", "-c", "pass"], environ, os.devnull)}
        self.workspaces = {mode: folder / f"workspace-{mode.split()[0]}" for mode in MODES}
        for workspace in self.workspaces.values():
            (workspace / ".kiro").mkdir(parents=True)

    def add_empty_launcher(self, text: str) -> None:
        """Add the console script as pip wrote it, around a function that does nothing."""
        scripts = self._folder / "empty"
        scripts.mkdir()
        (scripts / "nothing.py").write_text("def main():\n    return 0\n", "utf-8")
        script = scripts / "launcher"
        script.write_text(text.replace(ENTRY_POINT, "from nothing import main"), "utf-8")
        script.chmod(0o755)
        self._plain["launcher"] = Command([str(script)], self._environ, os.devnull)

    def run(self, rounds: int) -> dict[str, list[float]]:
        """Return the milliseconds of each command in every round but the first, a warm-up."""
        times: dict[str, list[float]] = {}
        shuffled = random.Random(0)  # noqa: S311  (an order, not a secret)
        for number in range(rounds + 1):
            commands = {**self._plain, **self._hooks(number)}
            for name in _shuffle(list(commands), shuffled):
                milliseconds = _time(name, commands[name])
                if number:
                    times.setdefault(name, []).append(milliseconds)
        return {name: times[name] for name in commands}

    def _hooks(self, number: int) -> dict[str, Command]:
        # Each round has its own session, which keeps the state as small as a user's.
        return {
            f"{kind}, {mode}": self._hook(mode, number, trigger)
            for mode in MODES
            for kind, trigger in (("start", "UserPromptSubmit"), ("completion", "Stop"))
        }

    def _hook(self, mode: str, number: int, trigger: str) -> Command:
        workspace = self.workspaces[mode]
        payload = {
            "session_id": f"sess_{number:08x}-0000-4000-8000-000000000000",
            "hook_event_name": trigger,
            "cwd": str(workspace),
        }
        if trigger == "UserPromptSubmit":
            payload["prompt"] = f"Explain what step {number} of the build does"
        stdin = self._folder / f"{mode}-{number}-{trigger}.json"
        stdin.write_text(json.dumps(payload, separators=(",", ":")), "utf-8")
        environ = {**self._environ, "KIRO_TOKEN_TRACKER_DURABILITY": MODES[mode]}
        words = [self._launcher, "hook-run", "--event", trigger]
        return Command(words, environ, str(stdin))


def _shuffle(names: list[str], shuffled: random.Random) -> list[str]:
    shuffled.shuffle(names)
    for mode in MODES:
        # A completion needs its start before it; other commands may run between the two.
        start, completion = names.index(f"start, {mode}"), names.index(f"completion, {mode}")
        if completion < start:
            names[start], names[completion] = names[completion], names[start]
    return names


def _time(name: str, command: Command) -> float:
    words, environ, stdin = command
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began = time.perf_counter()
    process = os.posix_spawn(words[0], words, environ, file_actions=streams)
    _, status = os.waitpid(process, 0)
    took = time.perf_counter() - began
    if status:
        raise BenchmarkError(f"{name} ended with {os.waitstatus_to_exitcode(status)}: {words}")
    return took * 1000


def check_recorded(workspace: Path, sessions: int) -> None:
    """Check that each session became one row of the ledger, with its elapsed time.

    Raises:
        BenchmarkError: one did not, so what was measured is not a recording.
    """
    ledger = workspace / ".kiro" / "token_transactions.csv"
    rows = []
    if ledger.exists():
        with ledger.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["elapsed_time"]]
    recorded = len({row["session_id"] for row in rows})
    if not len(rows) == recorded == sessions:
        raise BenchmarkError(
            f"{sessions} turns became {len(rows)} rows in {workspace.name}: "
            "run scripts/try to see why"
        )
