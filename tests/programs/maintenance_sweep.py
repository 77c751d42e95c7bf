"""Kill a maintenance job before each line of Python it runs: run as a program, since it forks.

`python -m programs.maintenance_sweep FOLDER JOB STRIDE` kills the job before the first and
before the last run of each line of the store and of maintenance, and looks at what is there: at
once, as a reader would, and after the next maintenance. With a STRIDE of n it takes every n-th of
these points. It prints the number of kills and what was wrong as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

from support.ledgers import HEADER, ID
from support.maintained import DAY, USAGE_HEADER, Maintained, row, usage_line
from tokentrack.common.timestamps import now_us
from tokentrack.maintenance import backup, repair, restore, retention, rotation
from tokentrack.models.columns import COLUMNS
from tokentrack.recorder import sweep as hourly_sweep
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

TRACED = ("/store/directory.py", "/store/atomic.py", "/store/append.py",
          "/tokentrack/maintenance/", "/maintenance_sweep.py")  # fmt: skip
BACKUP = "token_transactions_backup_20260101_000000.csv"
ARCHIVE = "token_transactions_20260102.csv"
KEPT = ["a0", "a1", "e1", "e2", "e3"]


class Job:
    """The files before a job, the job that is killed, and what must always be there."""

    kept: tuple[str, ...] = ("a0", "a1", "e0", "e1", "e2")
    coming: tuple[str, ...] = ("waiting", "next")
    passing: tuple[str, ...] = ()

    def __init__(self, space: Maintained) -> None:
        self.space = space

    def before(self) -> None:
        self.space.fill([60, 50], prefix="a", name=ARCHIVE)
        self.space.fill([3, 2, 1])
        event = self.space.event("agentExecutionCompleted", execution_id="waiting")
        self.space.put_in_spool(event)

    def run(self) -> None:
        raise NotImplementedError

    def problems_at_once(self) -> list[str]:
        """Read without waiting for a lock: rows that stay are there exactly once."""
        counts: Counter = Counter()
        with open_ledger_files(self.space.paths) as files:
            for file in files.values():
                records = read_records(file, COLUMNS)
                counts.update(r.cells[ID] for r in records if not r.problem)
        wrong = [f"{counts[i]} of {i}" for i in self.kept if counts[i] != 1]
        others = (*self.coming, *self.passing)
        return wrong + [f"{counts[i]} of {i}" for i in others if counts[i] > 1]

    def problems_after(self) -> list[str]:
        """Look when the next event was recorded and the job ran again."""
        self.space.complete("next")
        self.run()
        wanted = Counter([*self.kept, *self.coming])
        wrong = [] if self.space.all_ids() == wanted else [f"rows {self.space.all_ids()}"]
        usage = self.space.all_usage()
        wrong += [f"{usage[i]} usage rows of {i}" for i in wanted if usage[i] != 1]
        wrong += [f"usage of {i} is left" for i in self.passing if usage[i]]
        wrong += [f"{name} is left" for name in self.space.names() if name.endswith(".tmp")]
        return wrong


class Rotate(Job):
    def run(self) -> None:
        with self.space.lock_drained() as ledger:
            rotation.rotate(ledger, now_us())


class Compress(Job):
    def run(self) -> None:
        with self.space.lock_for_maintenance() as ledger:
            rotation.compress_archives(ledger)


class Prune(Job):
    kept = ("a1", "e1", "e2")
    passing = ("a0", "e0", "o0", "o1")

    def before(self) -> None:
        super().before()
        self.space.fill([900, 800], prefix="o", name="token_transactions_20200101.csv")
        self.space.fill([600, 50], prefix="a", name=ARCHIVE + ".gz")
        os.unlink(self.space.kiro / ARCHIVE)
        os.unlink(self.space.kiro / ARCHIVE.replace("transactions", "usage"))
        self.space.fill([500, 2, 1])

    def run(self) -> None:
        with self.space.lock_drained() as ledger:
            plan = retention.plan_prune(
                ledger.folder, self.space.paths, 365, now_us(), trust_clock=True
            )
            retention.prune(ledger, plan)


class Backup(Job):
    def run(self) -> None:
        with self.space.lock_for_maintenance() as ledger:
            backup.create_backup(ledger)
            old = backup.expired_backups(ledger.folder, self.space.paths, 1, now_us() / 1_000_000)
            backup.remove_backups(ledger, old)


class Merge(Job):
    coming = ("waiting", "next", "back")

    def before(self) -> None:
        super().before()
        at = now_us() - DAY
        lines = [line + b"\n" for line in self.space.lines()]
        self.space.write(BACKUP, HEADER + b"".join(lines) + row("back", at))
        usage = USAGE_HEADER + usage_line("back", at)
        self.space.write(BACKUP.replace("transactions", "usage"), usage)

    def run(self) -> None:
        with self.space.lock_drained() as ledger:
            args = (ledger.folder, self.space.paths, BACKUP)
            restore.restore(ledger, restore.plan_restore(*args, replace=False))


class Repair(Job):
    def before(self) -> None:
        super().before()
        lines = [line + b"\n" for line in self.space.lines()]
        self.space.write("token_transactions.csv", HEADER + lines[0] + b"milk\n" + HEADER +
                         b"".join(lines[1:]))  # fmt: skip
        archive = self.space.read(ARCHIVE)
        self.space.write(ARCHIVE + ".gz", archive.replace(b"\n", b"\r\n"))
        os.unlink(self.space.kiro / ARCHIVE)

    def run(self) -> None:
        with self.space.lock_for_repair() as ledger:
            repair.repair(ledger, now_us())

    def problems_after(self) -> list[str]:
        wrong = super().problems_after()
        originals = [p.read_bytes() for p in (self.space.state / "quarantine").glob("*.csv")]
        return wrong + ([] if any(b"milk\n" in data for data in originals) else ["no original"])


class CopyTruncate(Job):
    """The control: what logrotate calls copytruncate."""

    def run(self) -> None:
        with self.space.lock_for_maintenance():
            data = self.space.ledger.read_bytes()
            copy = self.space.kiro / f"token_transactions_2026010{len(self.space.names())}.csv"
            copy.write_bytes(data)
            self.space.ledger.write_bytes(HEADER)


class CompressInPlace(Job):
    """The control: the compressed file gets its name before it is complete."""

    def run(self) -> None:
        with self.space.lock_for_maintenance():
            if ARCHIVE not in self.space.names():
                return
            data = self.space.read(ARCHIVE)
            os.unlink(self.space.kiro / ARCHIVE)
            self.space.write(ARCHIVE + ".gz", data)


JOBS = {
    "rotate": Rotate, "compress": Compress, "prune": Prune, "backup": Backup, "merge": Merge,
    "repair": Repair, "copytruncate": CopyTruncate, "compress-in-place": CompressInPlace,
}  # fmt: skip


def sweep(base: Path, kind: str, stride: int) -> dict:
    template = base / "template"
    template.mkdir()
    JOBS[kind](Maintained(template)).before()
    # A limit of time would end the hourly sweep at another line in each run.
    hourly_sweep._SECONDS = float("inf")
    points = _points(base, kind)[::stride]
    wrong = []
    for point in points:
        where, job = _killed(base, kind, point)
        problems = job.problems_at_once() + job.problems_after()
        if problems:
            wrong.append(f"{where}: {'; '.join(problems)}")
        shutil.rmtree(base / "run")
    return {"kills": len(points), "wrong": wrong}


def _points(base: Path, kind: str) -> list[int]:
    # The first and the last run of each line: the loops in between bring nothing new.
    lines = _run(base, kind, 0).split("\n")[:-1]
    shutil.rmtree(base / "run")
    first = {line: n for n, line in reversed(list(enumerate(lines, start=1)))}
    last = {line: n for n, line in enumerate(lines, start=1)}
    return sorted({*first.values(), *last.values()})


def _killed(base: Path, kind: str, point: int) -> tuple[str, Job]:
    return _run(base, kind, point), JOBS[kind](Maintained(base / "run"))


def _run(base: Path, kind: str, point: int) -> str:
    # Runs a job on a copy; returns the lines that ran, or the one before which it was killed.
    shutil.copytree(base / "template", base / "run")
    job = JOBS[kind](Maintained(base / "run"))
    noted = base / "noted"
    pid = os.fork()
    if pid == 0:
        with noted.open("w") as notes:
            sys.settrace(_tracer(point, notes))
            job.run()
            sys.settrace(None)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == (signal.SIGKILL if point else 0), status
    return noted.read_text()


def _tracer(point: int, notes):
    count = [0]

    def trace(frame, event, _argument):
        path = frame.f_code.co_filename
        if not any(part in path for part in TRACED):
            return None
        if event == "line":
            count[0] += 1
            if point in (0, count[0]):
                notes.write(f"{os.path.basename(path)}:{frame.f_lineno} {frame.f_code.co_name}\n")
            if point == count[0]:
                notes.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


if __name__ == "__main__":
    print(json.dumps(sweep(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))  # noqa: T201
