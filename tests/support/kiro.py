"""Kiro's side of a hook: start `tokentrack hook-run` as Kiro does, and read the files it left."""

import csv
import fcntl
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokentrack.config.trust import trust

# Generous: it only turns a hang into a failure.
TIMEOUT = 60


def installed_command() -> list[str]:
    """Return the installed `tokentrack`, or this interpreter with the package."""
    script = Path(sys.executable).with_name("tokentrack")
    return [str(script)] if script.exists() else [sys.executable, "-m", "tokentrack"]


def encode(payload: object) -> bytes:
    """Return a payload's bytes: as they are, or as one JSON value without a final newline."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


class Ledger:
    """A ledger and the files next to it, read without the project's own readers."""

    def __init__(self, kiro_folder: Path) -> None:
        self.folder = kiro_folder
        self.state = kiro_folder / ".tokentrack"

    def rows(self) -> list[dict[str, str]]:
        """Return the rows, with their escapes."""
        return read_csv(self.folder / "token_transactions.csv")

    def row(self) -> dict[str, str]:
        """Return the only row."""
        (row,) = self.rows()
        return row

    def usage(self) -> list[dict[str, str]]:
        """Return the rows of the usage ledger."""
        return read_csv(self.folder / "token_usage.csv")

    def running(self) -> list[dict[str, object]]:
        """Return the open executions."""
        return [json.loads(path.read_bytes()) for path in self.running_files()]

    def running_files(self) -> list[Path]:
        """Return the files of the open executions."""
        return sorted((self.state / "running").glob("*.json"))

    def waiting(self) -> list[Path]:
        """Return the files of the events in the spool."""
        return sorted((self.state / "spool" / "new").glob("*"))

    def log(self) -> str:
        """Return the log's text."""
        path = self.state / "tokentrack.log"
        return path.read_text() if path.exists() else ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the ledger's lock as another process would."""
        self.state.mkdir(parents=True, exist_ok=True)
        path = self.folder / "token_transactions.csv.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def latest(ledger: Ledger) -> dict[str, dict[str, str]]:
    """Return each execution's last usage row, by its id."""
    return {row["agent_execution_id"]: row for row in ledger.usage()}


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return a file's rows by column; every line must be complete."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    if not text:
        return []  # it could be opened but not written
    assert text.endswith("\n")
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert len(rows) == text.count("\n") - 1, "one record is one line"
    assert all(None not in row and None not in row.values() for row in rows)
    return rows


class Machine(Ledger):
    """A workspace, an empty home, and the hook to run in them."""

    def __init__(self, folder: Path) -> None:
        self.home, self.root = folder / "home", folder / "ws"
        self.home.mkdir()
        self.root.mkdir()
        (self.root / ".kiro").mkdir()
        super().__init__(self.root / ".kiro")
        self.users = Ledger(self.home / ".kiro")
        self.environment = {"HOME": str(self.home), "PATH": os.defpath, "USER": "ada"}
        self.command = installed_command()

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        prefix: Sequence[str] = (),
        **options: object,
    ) -> subprocess.Popen:
        """Start the hook with pipes, as Kiro does."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [*prefix, *self.command, "hook-run", *arguments],
            env={**self.environment, **(env or {})},
            cwd=cwd or self.root,
            **{**pipes, **options},
        )

    def hook(self, payload: object = b"", *arguments: str, **options: object) -> None:
        """Run the hook on a payload: it exits with 0 and says nothing."""
        finish(self.start(*arguments, **options), payload)

    def send(self, event: str, session: str | None = "s1", **fields: object) -> None:
        """Run the hook on an event in the shape of Kiro's v1 engine."""
        payload = {"hook_event_name": event, "cwd": str(self.root), **fields}
        if session is not None:
            payload["session_id"] = session
        self.hook(payload)

    def configure(self, *, trusted: bool = True, **fields: object) -> None:
        """Write the workspace's configuration; unless told otherwise, its user trusts it."""
        path = self.folder / "token_tracker_config.json"
        path.write_text(json.dumps(fields))
        if trusted:
            trust(path, path.read_bytes(), self.environment)


def finish(process: subprocess.Popen, payload: object = b"") -> None:
    """Hand over a payload and wait: exit code 0 and no output, whatever happens."""
    try:
        out, err = process.communicate(encode(payload), timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert (process.returncode, out or b"", err or b"") == (0, b"", b"")
