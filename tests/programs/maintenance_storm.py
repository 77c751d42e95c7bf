"""Writers and a maintenance job in a loop: run as a program, since it forks.

`python -m programs.maintenance_storm FOLDER JOB WORKERS EVENTS` forks workers that record
completions, each noting what was accepted, while another process runs the job again and again. It
prints what was accepted and what the ledger and its archives hold as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections import Counter
from pathlib import Path

from support.ledgers import HEADER
from support.maintained import DAY, Maintained, row
from tokentrack.common.timestamps import now_us
from tokentrack.errors import FileSystemError
from tokentrack.maintenance import backup, repair, restore, retention, rotation

EXPIRED, KEPT = 40, 40


def _backup(space: Maintained) -> None:
    with space.lock_for_maintenance() as ledger:
        backup.create_backup(ledger)
        old = backup.expired_backups(ledger.folder, space.paths, 2, now_us() / 1_000_000)
        backup.remove_backups(ledger, old)


def _restore(space: Maintained) -> None:
    _backup(space)
    with space.lock_drained() as ledger:
        name = restore.find_backup(ledger.folder, space.paths, "")
        plan = restore.plan_restore(ledger.folder, space.paths, name, replace=False)
        restore.restore(ledger, plan)


def _rotate(space: Maintained) -> None:
    with space.lock_drained() as ledger:
        rotation.rotate(ledger, now_us())
        rotation.compress_archives(ledger)


def _prune(space: Maintained) -> None:
    # There is always something to rewrite.
    with space.lock_for_maintenance(), space.ledger.open("ab") as file:
        file.write(row(f"old-{now_us()}", now_us() - 400 * DAY))
    with space.lock_drained() as ledger:
        plan = retention.plan_prune(ledger.folder, space.paths, 365, now_us(), trust_clock=True)
        retention.prune(ledger, plan)


def _repair(space: Maintained) -> None:
    with space.lock_for_maintenance(), space.ledger.open("ab") as file:
        file.write(b"milk\n" + HEADER)
    with space.lock_for_repair() as ledger:
        repair.repair(ledger, now_us())


def _drain(space: Maintained) -> None:
    space.tracker.drain()


def _copytruncate(space: Maintained) -> None:
    # A control: rotation by copying and cutting, without the lock.
    data = space.ledger.read_bytes()
    number = len(space.names("token_transactions_2020"))
    space.write(f"token_transactions_20200101_{number + 2}.csv", data)
    os.truncate(space.ledger, len(HEADER))


def _rewrite_unlocked(space: Maintained) -> None:
    # A control: retention that reads, writes and replaces without the lock.
    data = space.ledger.read_bytes()
    temporary = space.write("rewritten.tmp", data)
    temporary.replace(space.ledger)


JOBS = {
    "backup": _backup, "restore": _restore, "rotate": _rotate, "prune": _prune,
    "repair": _repair, "drain": _drain, "copytruncate": _copytruncate,
    "rewrite-unlocked": _rewrite_unlocked,
}  # fmt: skip


def run(base: Path, job: str, workers: int, events: int) -> dict:
    space = Maintained(base, durability="none", file_lock_timeout_seconds=20.0)
    ages = [500 - n / 1000 for n in range(EXPIRED)] + [5 - n / 1000 for n in range(KEPT)]
    space.fill(ages)
    writers = {_fork(lambda n=n: _write(base, n, events)) for n in range(workers)}
    rounds, put_off = 0, 0
    while writers:
        try:
            JOBS[job](space)
            rounds += 1
        except FileSystemError:
            put_off += 1
        writers -= _ended(writers)
    space.tracker.drain()
    if job in ("prune", "repair"):  # what the last round left to do
        JOBS[job](space)
    return {"rounds": rounds, "put_off": put_off, **examine(base, space, job)}


def _fork(work) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)


def _ended(writers: set[int]) -> set[int]:
    return {pid for pid in writers if os.waitpid(pid, os.WNOHANG)[0]}


def _write(base: Path, number: int, events: int) -> None:
    space = Maintained(base, durability="none")
    tracker = space.tracker
    with (base / f"accepted-{number}").open("w") as notes:
        for count in range(events):
            tag = f"w{number}-{count}"
            event = space.event("agentExecutionCompleted", execution_id=tag, session_id=tag)
            if tracker.record_event(event):
                notes.write(f"{tag}\n")
                notes.flush()


def examine(base: Path, space: Maintained, job: str) -> dict:
    accepted = [tag for path in base.glob("accepted-*") for tag in path.read_text().split()]
    gone = EXPIRED if job == "prune" else 0
    wanted = Counter([*accepted, *[f"e{n}" for n in range(gone, EXPIRED + KEPT)]])
    rows, usage = space.all_ids(), space.all_usage()
    return {
        "accepted": len(accepted),
        "lost": len(wanted - rows),
        "twice": len([tag for tag, count in rows.items() if count > 1]),
        "unexpected": sorted(set(rows) - set(wanted))[:5],
        "without_usage": len(set(rows) - set(usage)),
        "waiting": len(space.spooled()) + len(space.rescued()),
    }


if __name__ == "__main__":
    _base, _job, _workers, _events = sys.argv[1:]
    print(json.dumps(run(Path(_base), _job, int(_workers), int(_events))))  # noqa: T201
