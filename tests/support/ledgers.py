"""A workspace with its ledger, for tests that look at the files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import TESTS
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import USAGE_COLUMNS, usage_row
from tokentrack.recorder.events import Event, parse
from tokentrack.recorder.recorder import Recorder
from tokentrack.recorder.rows import FinishedExecution
from tokentrack.store import codec, spool
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import lock_ledger
from tokentrack.store.lock import acquire
from tokentrack.tracker import TokenTracker

HEADER = ",".join(COLUMNS).encode() + b"\n"
ID = COLUMNS.index("agent_execution_id")
PROMPT = COLUMNS.index("prompt_text")
AT = 1_760_000_000_000_000

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
posix_only = pytest.mark.skipif(os.name == "nt", reason="links, limits and signals of POSIX")


class Workspace:
    """A workspace below `base`, with its own home next to it."""

    def __init__(self, base: Path, **config) -> None:
        self.root = Path(base) / "workspace"
        self.home = Path(base) / "home"
        self.kiro = self.root / ".kiro"
        self.kiro.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(exist_ok=True)
        self.environ = {"HOME": str(self.home)}
        self.config = TrackerConfig(**config)
        self.ledger = self.kiro / "token_transactions.csv"
        self.usage = self.kiro / "token_usage.csv"
        self.lock = self.kiro / "token_transactions.csv.lock"
        self.state = self.kiro / ".tokentrack"
        self.spool = self.state / "spool" / "new"

    @property
    def tracker(self) -> TokenTracker:
        return TokenTracker.for_workspace(str(self.root), self.config, self.environ)

    @property
    def recorder(self) -> Recorder:
        return Recorder(self.paths, self.config, self.environ)

    @property
    def paths(self):
        return self.tracker.paths

    def record(self, event: Event) -> bool:
        return self.tracker.record_event(event)

    def complete(self, execution: str, **fields) -> bool:
        """Record a completion whose id the caller gives: one event, one row."""
        return self.record(self.event("agentExecutionCompleted", execution_id=execution, **fields))

    def event(self, name: str, *, at: int = 0, **fields) -> Event:
        event, problems = parse({"hook_event_name": name, **fields}, self.environ)
        assert not problems
        event.workspace_folder, event.branch, event.tags = "workspace", "", {}
        event.at = at or event.at
        return event

    def put_in_spool(self, event: Event) -> Path:
        from tokentrack.recorder import spooled

        with self.recorder.open_state() as state:
            name = spool.put(state, event.at, spooled.encode(event), durable=False)
        return self.spool / name

    def lines(self) -> list[bytes]:
        """Return the ledger's records; each must be complete, below one header."""
        return whole_lines(self.ledger, HEADER, len(COLUMNS))

    def rows(self) -> list[list[str]]:
        return [codec.decode_line(line.decode()) for line in self.lines()]

    def ids(self) -> list[str]:
        return [row[ID] for row in self.rows()]

    def usage_ids(self) -> list[str]:
        header = ",".join(USAGE_COLUMNS).encode() + b"\n"
        lines = whole_lines(self.usage, header, len(USAGE_COLUMNS))
        return [codec.decode_line(line.decode())[0] for line in lines]

    def spooled(self) -> list[Path]:
        return sorted(self.spool.iterdir()) if self.spool.is_dir() else []

    def rescued(self) -> list[Path]:
        return sorted(self.home.glob(".local/state/tokentrack/*/spool/new/*"))

    def quarantined(self) -> list[bytes]:
        folder = self.state / "quarantine"
        return [path.read_bytes() for path in sorted(folder.glob("*.bin"))]

    @contextmanager
    def locked(self):
        """Hold the ledger's lock, as another process would: each holder opens the file anew."""
        with Directory.open(str(self.kiro)) as folder:
            locked = acquire(folder, self.lock.name, 0)
            assert locked is not None
            try:
                yield
            finally:
                locked.release()

    @contextmanager
    def open_ledger(self):
        ledger = lock_ledger(self.paths, 5, create=True)
        assert ledger is not None
        with ledger:
            yield ledger


def whole_lines(path: Path, header: bytes, width: int) -> list[bytes]:
    if not path.exists():
        return []
    data = path.read_bytes()
    if not data:
        return []
    assert data.startswith(header)
    assert data.endswith(b"\n")
    lines = data[len(header) :].split(b"\n")[:-1]
    torn = [line for line in lines if len(codec.split_line(line.decode())) != width]
    assert not torn, f"{len(torn)} of {len(lines)} lines are torn"
    assert header[:-1] not in lines
    return lines


def twice(values) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def transaction(execution: str = "exec-1", **fields) -> TokenTransaction:
    values = {
        "timestamp": AT,
        "prompt_text": "a prompt",
        "tokens_used": 5,
        "elapsed_time": 1.5,
        "session_id": "session-1",
        "workspace_folder": "workspace",
        "hook_trigger_type": "agentExecutionCompleted",
        **fields,
    }
    return TokenTransaction(agent_execution_id=execution, **values)


def line_of(given: TokenTransaction) -> bytes:
    return codec.encode_line(given.to_csv_row())


def finished(given: TokenTransaction) -> FinishedExecution:
    usage = usage_row(given.agent_execution_id, AT, "", "api", "", {}, "reported", {})
    return FinishedExecution(given, usage, from_caller=True)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def run_python(code: str, *words: object, **options) -> subprocess.CompletedProcess:
    """Run code in a new process, which finds the packages of the tests."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )
