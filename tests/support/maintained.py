"""A workspace for tests of maintenance: ledgers of given rows, and counts over all their files."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from typing import TYPE_CHECKING

from support import commands
from support.ledgers import HEADER, ID, Workspace, line_of, transaction
from tokentrack.common.timestamps import now_us
from tokentrack.maintenance.locked import lock_drained, lock_for_maintenance, lock_for_repair
from tokentrack.models.usage_record import USAGE_COLUMNS, usage_row
from tokentrack.store import codec

if TYPE_CHECKING:
    from pathlib import Path

DAY = 24 * 3600 * 1_000_000
USAGE_HEADER = codec.encode_line(list(USAGE_COLUMNS))


class Maintained(Workspace):
    """A workspace whose files a test writes itself."""

    def fill(self, days_ago, prefix="e", name="token_transactions.csv") -> list[bytes]:
        """Write a ledger with a row for each age in days, and their usage rows."""
        now = now_us()
        times = {f"{prefix}{n}": int(now - days * DAY) for n, days in enumerate(days_ago)}
        lines = [row(execution, at) for execution, at in times.items()]
        usage = [usage_line(execution, at) for execution, at in times.items()]
        self.write(name, HEADER + b"".join(lines))
        usage_name = name.replace("token_transactions", "token_usage")
        self.write(usage_name, USAGE_HEADER + b"".join(usage))
        return lines

    def write(self, name: str, data: bytes) -> Path:
        path = self.kiro / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        path.chmod(0o600)
        return path

    def read(self, name: str) -> bytes:
        data = (self.kiro / name).read_bytes()
        return gzip.decompress(data) if name.endswith(".gz") else data

    def names(self, kind="token_") -> list[str]:
        return sorted(path.name for path in self.kiro.iterdir() if path.name.startswith(kind))

    def all_ids(self) -> Counter:
        """Count each execution in the ledger and its archives, without the real readers."""
        return self._count("token_transactions", HEADER, ID)

    def all_usage(self) -> Counter:
        return self._count("token_usage", USAGE_HEADER, 0)

    def _count(self, stem: str, header: bytes, column: int) -> Counter:
        found: Counter = Counter()
        names = [n for n in self.names(stem) if "_backup_" not in n and not n.endswith(".lock")]
        for name in names:
            if name.endswith(".tmp") or (name.endswith(".gz") and name[:-3] in names):
                continue
            data = self.read(name)
            assert not data or (data.startswith(header) and data.endswith(b"\n")), name
            for line in data.removeprefix(header).split(b"\n")[:-1]:
                found[codec.decode_line(line.decode())[column]] += 1
        return found

    def lock_drained(self):
        return lock_drained(self.paths, self.config, self.environ)

    def lock_for_maintenance(self):
        return lock_for_maintenance(self.paths, self.config, self.environ)

    def lock_for_repair(self):
        return lock_for_repair(self.paths, self.config, self.environ)

    def run(self, *words: str, code: int = 0, **environ: str) -> str:
        """Run the installed program in the workspace; return its output and its errors."""
        done = commands.run(words, self.root, {**self.environ, "PATH": os.defpath, **environ}, code)
        return done.stdout + done.stderr


def row(execution: str, at: int, **fields) -> bytes:
    return line_of(transaction(execution, timestamp=at, **fields))


def usage_line(execution: str, at: int) -> bytes:
    return codec.encode_line(usage_row(execution, at, "", "v1", "", {}, "estimated", {}))
