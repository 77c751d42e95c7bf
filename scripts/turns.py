"""Play turns as Kiro does: run the command of the installed hook, with the input of each surface.

A turn is a JSON file in `tests/examples/turns`. In its texts, `${WORKSPACE}` is the workspace's
path and `${WORKSPACE_NAME}` its name; an expected cell of `*` is any text that is not empty.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS = Path(__file__).resolve().parent.parent / "tests" / "examples" / "turns"
AGENT = "dev"
# The documented payload comes from a user's own script, not from a hook file.
API_COMMAND = "tokentrack hook-run"

_ANYTHING = "*"
_HOOK_SECONDS = 10  # what the shipped hook files allow


class HookRun(NamedTuple):
    """A process that Kiro would have started, and its result."""

    trigger: str
    command: str
    exit_code: int | None  # None: it did not end
    output: bytes
    seconds: float

    @property
    def problem(self) -> str:
        """Say what would have disturbed Kiro, "" if nothing."""
        if self.exit_code is None:
            return f"did not end within {_HOOK_SECONDS} s"
        if self.exit_code:
            return f"ended with exit code {self.exit_code}"
        return f"printed {self.output[:60]!r}" if self.output else ""


class Turn(NamedTuple):
    """A sequence of events and the one row that it must become."""

    name: str
    surface: str
    version: str
    what: str
    origin: str
    events: list[dict[str, Any]]
    expect: dict[str, dict[str, str]]


def load_turns(folder: Path = TURNS) -> list[Turn]:
    """Return the turns of a folder in the order of their names."""
    files = sorted(folder.glob("*.json"))
    return [Turn(path.stem, **json.loads(path.read_text("utf-8"))) for path in files]


class Machine:
    """A workspace and a home, with the `tokentrack` of one environment."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        """Make both folders, and an agent that hooks can be installed in.

        Args:
            folder: an empty folder.
            bin_folder: where `tokentrack` is.
        """
        self.root, self.home = folder / "workspace", folder / "home"
        self.kiro_home = self.home / ".kiro"
        self._program = str(bin_folder / "tokentrack")
        agent = self.root / ".kiro" / "agents" / f"{AGENT}.json"
        agent.parent.mkdir(parents=True)
        agent.write_text(json.dumps({"name": AGENT, "tools": ["*"]}) + "\n", "utf-8")
        self.kiro_home.mkdir(parents=True)
        self._environ = _environment(self.home, bin_folder)

    def tokentrack(self, *arguments: str) -> tuple[int, str]:
        """Run a command in the workspace; return its exit code and all its output."""
        done = subprocess.run(
            [self._program, *arguments],
            cwd=self.root,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def commands(self, surface: str, trigger: str) -> list[str]:
        """Return the commands that Kiro would run for a trigger, from the hook files."""
        if surface == "api":
            return [API_COMMAND]
        return [command for name, command in self._hooks(surface) if name == trigger]

    def _hooks(self, surface: str) -> Iterator[tuple[str, str]]:
        hooks = self.root / ".kiro" / "hooks"
        if surface == "ide-0":
            for path in sorted(hooks.glob("*.kiro.hook")):
                hook = _json(path)
                yield hook["when"]["type"], hook["then"]["command"]
        elif surface == "v1":
            for path in sorted(hooks.glob("*.json")):
                for hook in _json(path)["hooks"]:
                    yield hook["trigger"], hook["action"]["command"]
        elif surface == "cli-2":
            agent = _json(self.root / ".kiro" / "agents" / f"{AGENT}.json")
            for trigger, entries in agent["hooks"].items():
                yield from ((trigger, entry["command"]) for entry in entries)
        elif surface == "crew":
            for hook in _json(self.kiro_home / "crew" / "hooks.json")["hooks"]:
                yield hook["event"], hook["command"]

    def play(self, turn: Turn) -> list[HookRun]:
        """Run the hooks of a turn's events in order."""
        return [
            self._run(event, command)
            for event in self._filled_in(turn.events)
            for command in self.commands(turn.surface, event["trigger"])
        ]

    def differences(self, turn: Turn, rows_before: int) -> list[str]:
        """Say how the recorded rows differ from the one row that a turn must become."""
        rows = self.rows()[rows_before:]
        if len(rows) != 1:
            return [f"it became {len(rows)} rows instead of 1"]
        identity = rows[0]["agent_execution_id"]
        usage = [row for row in self.usage() if row["agent_execution_id"] == identity]
        if len(usage) != 1:
            return [f"its usage is in {len(usage)} rows instead of 1"]
        expect = self._filled_in(turn.expect)
        return _unlike(expect["ledger"], rows[0]) + _unlike(expect["usage"], usage[0])

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the workspace's ledger."""
        return _read_csv(self.root / ".kiro" / "token_transactions.csv")

    def usage(self) -> list[dict[str, str]]:
        """Return the rows of the workspace's usage ledger."""
        return _read_csv(self.root / ".kiro" / "token_usage.csv")

    def _filled_in(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled_in(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled_in(inner) for inner in value]
        if isinstance(value, str):
            value = value.replace("${WORKSPACE_NAME}", self.root.name)
            return value.replace("${WORKSPACE}", str(self.root))
        return value

    def _run(self, event: dict[str, Any], command: str) -> HookRun:
        with _stdin(event) as stdin:
            began = time.perf_counter()
            process = subprocess.Popen(
                ["sh", "-c", command],
                cwd=self.root,
                env={**self._environ, **event["env"]},
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            code: int | None = None
            try:
                # Like Kiro, wait until the output ends, not only the process.
                output, _ = process.communicate(timeout=_HOOK_SECONDS)
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
            return HookRun(event["trigger"], command, code, output, time.perf_counter() - began)


@contextmanager
def _stdin(event: dict[str, Any]) -> Iterator[int]:
    # A payload fits into a pipe's buffer, so it can be written before the process starts.
    reading, writing = os.pipe()
    try:
        if event["stdin"] is not None:
            payload = json.dumps(event["stdin"], ensure_ascii=False, separators=(",", ":"))
            os.write(writing, payload.encode())
        if not event["stdin_stays_open"]:
            os.close(writing)
        yield reading
    finally:
        os.close(reading)
        if event["stdin_stays_open"]:
            os.close(writing)


def _environment(home: Path, bin_folder: Path) -> dict[str, str]:
    kept = ("LANG", "LC_ALL", "TERM", "COLUMNS", "NO_COLOR", "TMPDIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PATH": f"{bin_folder}{os.pathsep}{os.defpath}",
        "HOME": str(home),
        "KIRO_HOME": str(home / ".kiro"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
    }


def _unlike(expected: dict[str, str], row: dict[str, str]) -> list[str]:
    return [
        f"{column} is {_shown(row.get(column))}, not {_shown(cell)}"
        for column, cell in expected.items()
        if (not row.get(column) if cell == _ANYTHING else row.get(column) != cell)
    ]


def _shown(cell: str | None) -> str:
    # Show the end of a long text: that is where prompts are cut.
    return repr(cell) if cell is None or len(cell) <= 40 else f"{cell[:12]!r}…{cell[-24:]!r}"


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _read_csv(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
