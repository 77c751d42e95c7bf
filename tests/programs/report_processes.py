"""Many processes keep one index up to date while others write: none fails, and all is counted.

`python -m programs.report_processes PROCESSES REFRESHES` begins with an empty index. Run as a
program, since it forks.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random

from support.report_check import Reference, check, random_question
from support.report_world import LEDGER, START, USAGE, ReportWorld
from tokentrack.reports import query

APPENDS = 80


def run(folder: Path, processes: int, refreshes: int) -> tuple[int, int]:
    """Return how many processes failed, and how many answers a private reading gave."""
    world = ReportWorld(folder, 5)
    index = folder / "state" / "index.db"
    _append(world, 0)
    scans, told = os.pipe()
    children = [_fork(lambda: _write(world))]
    children += [_fork(lambda: _ask(world, index, refreshes, told)) for _ in range(processes)]
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    os.close(told)
    with os.fdopen(scans, "rb") as pipe:
        scanned = len(pipe.read())
    reference, random = Reference(world.paths), Random(1)
    for _ in range(10):
        check(reference, world.paths, index, random_question(random, reference))
    connection = sqlite3.connect(index)
    assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    connection.close()
    return failed, scanned


def _fork(work) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


def _append(world: ReportWorld, number: int) -> None:
    for n, ledger in enumerate(world.ledgers):
        identity, at = f"p-{number}-{n}", START + number * 60_000_000
        world.write(ledger, USAGE, world.usage(identity, at, source_id=""))
        world.write(ledger, LEDGER, world.row(identity, at, tokens_used="5"))


def _write(world: ReportWorld) -> None:
    for number in range(1, APPENDS):
        _append(world, number)


def _ask(world: ReportWorld, index: Path, refreshes: int, told: int) -> None:
    last = 0
    for _ in range(refreshes):
        answer = query(ledgers=world.paths, index=str(index))
        turns = answer.total["turns"]
        assert turns >= last, f"{last} turns became {turns}"
        last = turns
        if answer.provenance["source"] != "index":
            os.write(told, b"s")


def main() -> int:
    """Run the processes and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("processes", type=int)
    parser.add_argument("refreshes", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tokentrack-") as folder:
        failed, scanned = run(Path(folder), options.processes, options.refreshes)
    sys.stdout.write(f"failed {failed}, answered without the index {scanned}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
