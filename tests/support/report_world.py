"""A few ledgers with rows of every kind, for tests of reports."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import format_us
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.store.paths import LedgerPaths

if TYPE_CHECKING:
    from pathlib import Path

START = 1_760_000_000_000_000  # 9 October 2025
DAY = 86_400_000_000
LEDGER, USAGE = "token_transactions", "token_usage"
HEADERS = {LEDGER: codec.encode_line(list(COLUMNS)), USAGE: codec.encode_line(list(USAGE_COLUMNS))}
CREDITS = [
    "", "", "0.5", "1", "0", "0.015805053067993367", "0.0015805053067993367", "5.1e-05", "1e-27",
    "2.5e-28", "7.5e-28", "1.123456789012345678901234567", "0.1234567890123456789012345678901",
    "1E+2", "000.10", "12.", ".25", "999999999.9999999",
]  # fmt: skip
ELAPSED = ["", "1.5", "0", "12.345678", "1e-7", "3.0000005", "2.0000015", "1E2", "100", "0.1"]
SESSIONS = ["", "s-1", "s-2", "s é", 's,"3"']
WORKSPACES = ["web", "api", "", "données;x", "C:\\new"]
TAGS = ["", "customer=acme", "customer=acme;team=red", "a\\;b;team=blue;team=red", "lone"]
PATTERNS = ["", "*.py", "*.py;src/a.ts", "a\\;b", "x;;y"]
SOURCES = ["kiro-v1-session", "kiro-cli-session", "payload", ""]


class Ledger(NamedTuple):
    """A ledger's folder, and where it is kept while its workspace is gone."""

    folder: Path
    hidden: Path

    @property
    def paths(self) -> LedgerPaths:
        return LedgerPaths(str(self.folder.parent), (self.folder.name,), f"{LEDGER}.csv")

    @property
    def path(self) -> str:
        return self.paths.path

    def active(self, kind: str) -> Path:
        return self.folder / f"{kind}.csv"

    def archives(self, kind: str) -> list[Path]:
        return sorted(self.folder.glob(f"{kind}_*.csv*"))

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.csv*")) if self.folder.is_dir() else []


class ReportWorld:
    """A few ledgers below one folder.

    Attributes:
        ledgers: the ledgers.
        steps: the names of what was done.
    """

    def __init__(self, base: Path, seed: int, ledgers: int = 3) -> None:
        self.random = Random(seed)
        self.ledgers = [
            Ledger(base / f"w{n}" / ".kiro", base / f"hidden{n}") for n in range(ledgers)
        ]
        self.steps: list[str] = []
        self._ids = 0
        self._now = START
        self._archives = 0
        for ledger in self.ledgers:
            ledger.folder.mkdir(parents=True)

    @property
    def paths(self) -> list[LedgerPaths]:
        return [ledger.paths for ledger in self.ledgers]

    # What the rows are made of.

    def _time(self) -> int:
        self._now += self.random.choice([0, 1, 1000, 60_000_000, 3_600_000_000, DAY, 5 * DAY])
        return self._now

    def _any_id(self) -> str:
        if self._ids and self.random.random() < 0.6:
            return f"e-{self.random.randint(max(1, self._ids - 8), self._ids)}"
        return self._new_id()

    def _new_id(self) -> str:
        self._ids += 1
        return f"e-{self._ids}"

    def _stamp(self, at: int) -> str:
        text = format_us(at)
        form = self.random.random()
        if form < 0.9:
            return text
        return text.replace("Z", "+00:00") if form < 0.95 else text.replace("Z", "000+00:00")

    def row(self, identity: str, at: int, **fields: str) -> bytes:
        pick = self.random.choice
        cells = {
            "timestamp": self._stamp(at),
            "prompt_text": pick(["", "plain", 'with "quotes", and commas', "two\nlines", "é€😀"]),
            "tokens_used": self._tokens(),
            "elapsed_time": pick(ELAPSED),
            "session_id": pick(SESSIONS),
            "workspace_folder": pick(WORKSPACES),
            "hook_trigger_type": pick(["agentExecutionCompleted", "promptSubmit"]),
            "agent_execution_id": identity,
            "file_patterns": pick(PATTERNS[:4]),
            "hook_name": pick(["tokentrack-stop", "import", ""]),
            "error_occurred": pick(["true", "false", "false", "FALSE"]),
            "error_message": pick(["", "", "aborted", "tool failed, exit status 1"]),
        } | fields  # fmt: skip
        return codec.encode_line([cells[name] for name in COLUMNS])

    def _tokens(self) -> str:
        if self.random.random() < 0.01:
            return str(2**63 - 1)
        return self.random.choice(["0", "5", "12345"])

    def usage(self, identity: str, at: int, **fields: str) -> bytes:
        pick = self.random.choice
        counts = pick([("", "", ""), ("", "", ""), ("100", "20", ""), ("7", "", "3")])
        source = pick(SOURCES)
        cells = {
            "agent_execution_id": identity,
            "recorded_at": self._stamp(at),
            "session_id": pick(SESSIONS),
            "surface": pick(["v1", "cli-2", ""]),
            "model": pick(["", "claude-sonnet-4.5", "auto"]),
            "input_tokens": counts[0],
            "output_tokens": counts[1],
            "cached_tokens": counts[2],
            "credits": pick(CREDITS),
            "context_percent": "",
            "token_basis": pick(["reported", "estimated", "unknown", "", "odd"]),
            "credits_basis": pick(["reported", "unknown"]),
            "source": source,
            "source_id": pick(["", "", f"t-{identity}", f"t-{self.random.randint(1, 40)}"]),
            "user": pick(["", "ann", "bob"]),
            "machine": pick(["", "laptop"]),
            "tags": pick(TAGS),
        } | fields  # fmt: skip
        return codec.encode_line([cells[name] for name in USAGE_COLUMNS])

    def request(self, identity: str, at: int) -> bytes:
        return self.usage(
            identity, at, source="tracked-request", surface="api", token_basis="reported",
            credits="", **dict(zip(("input_tokens", "output_tokens", "cached_tokens"),
                                   ("900", "50", self.random.choice(["0", "30", "901"])),
                                   strict=True)),
        )  # fmt: skip

    # Where they go.

    def write(self, ledger: Ledger, kind: str, *lines: bytes) -> None:
        """Append to a file, below a header if it is new."""
        path = ledger.active(kind)
        with path.open("ab") as file:
            if not file.tell():
                file.write(HEADERS[kind])
            file.write(b"".join(lines))
