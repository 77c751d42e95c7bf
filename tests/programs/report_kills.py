"""Kill processes while they bring the index up to date; the next answer must be right.

`python -m programs.report_kills KILLS [--at-commit] [--without-journal]` kills that many, about
half of them while they build the index for the first time. It exits with 1 after a wrong answer
or a damaged index.
The control, without SQLite's journal, is to find some. Run as a program, since it forks.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from support.report_changes import ChangingWorld
from support.report_check import Reference, check, random_question
from support.report_world import START, USAGE
from tokentrack.errors import FileSystemError
from tokentrack.reports.index import database
from tokentrack.reports.index.database import open_index
from tokentrack.reports.zones import Zone


class _Dying(sqlite3.Connection):
    # Dies where everything is written but the end of the transaction.

    def execute(self, statement, *args):
        if statement == "commit":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(statement, *args)


class Kills:
    """A world and its index; `run` kills, `counts` says what happened."""

    def __init__(
        self, folder: Path, seed: int, *, rows: int, with_journal: bool, at_commit: bool
    ) -> None:
        self.random = Random(seed)
        self.world = ChangingWorld(folder, seed)
        self.index = folder / "state" / "index.db"
        self.with_journal = with_journal
        self.at_commit = at_commit
        self.counts: Counter[str] = Counter()
        for number in range(rows):
            ledger = self.world.ledgers[number % 3]
            at = START + number * 60_000_000
            self.world.write(ledger, USAGE, self.world.usage(f"b-{number}", at, source_id=""))
            self.world.write(ledger, "token_transactions", self.world.row(f"b-{number}", at))

    def run(self, kills: int) -> None:
        """Kill so many processes, and look at the answer after each."""
        longest = {True: 0.05, False: 0.05}
        reference = Reference(self.world.paths)
        while self.counts["killed"] < kills:
            is_first = self.random.random() < 0.5
            if is_first:
                self.index.unlink(missing_ok=True)
                Path(f"{self.index}-journal").unlink(missing_ok=True)
            else:
                self._refresh()
                self.world.append_many()
                for _ in range(self.random.randint(1, 3)):
                    self.world.step()
                reference = Reference(self.world.paths)
            took = self._start_and_kill(self.random.uniform(0, longest[is_first]))
            if took is None:
                self.counts["killed"] += 1
                self.counts["killed in the first build"] += is_first
            else:
                longest[is_first] = max(0.001, (longest[is_first] + took) / 2)
            self._look(reference)

    def _start_and_kill(self, delay: float) -> float | None:
        # How long the process took, None if it was killed before it ended.
        ready, go = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(go, b"x")
            self._refresh_in_child()
        os.read(ready, 1)
        os.close(ready)
        os.close(go)
        began = time.perf_counter()
        if not self.at_commit:
            time.sleep(delay)
            if os.waitpid(pid, os.WNOHANG)[0]:
                return time.perf_counter() - began
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return None if os.WIFSIGNALED(status) else time.perf_counter() - began

    def _refresh_in_child(self) -> None:
        status = 1
        try:
            connect = sqlite3.connect

            def connect_with_little_cache(*args, **options):
                # Pages get to the file early, so that a kill finds it half-written.
                factory = _Dying if self.at_commit else sqlite3.Connection
                connection = connect(*args, factory=factory, **options)
                connection.execute("pragma cache_size = 1")
                if not self.with_journal:
                    connection.execute("pragma journal_mode = off")
                return connection

            database.sqlite3.connect = connect_with_little_cache
            self._refresh()
            status = 0
        finally:
            os._exit(status)

    def _refresh(self) -> None:
        with open_index(str(self.index), self.world.paths, Zone()) as opened:
            self.counts[opened.source] += 1

    def _look(self, reference: Reference) -> None:
        try:
            check(reference, self.world.paths, self.index, random_question(self.random, reference))
        except (AssertionError, FileSystemError):
            self.counts["wrong"] += 1
            self.index.unlink()
        connection = sqlite3.connect(self.index)
        try:
            found = connection.execute("pragma integrity_check").fetchone()[0]
        except sqlite3.Error as error:
            found = str(error)
        connection.close()
        self.counts["damaged"] += found != "ok"


def main() -> int:
    """Kill, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--at-commit", action="store_true", help="not at random times")
    parser.add_argument("--without-journal", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tokentrack-") as folder:
        kills = Kills(
            Path(folder), options.seed, rows=options.rows,
            with_journal=not options.without_journal, at_commit=options.at_commit,
        )  # fmt: skip
        kills.run(options.kills)
    sys.stdout.write(", ".join(f"{name} {n}" for name, n in sorted(kills.counts.items())) + "\n")
    return 1 if kills.counts["wrong"] or kills.counts["damaged"] else 0


if __name__ == "__main__":
    sys.exit(main())
