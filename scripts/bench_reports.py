"""Measure answers over synthetic ledgers, as multiples of the interpreter and of `csv.reader`.

Each case is a process of its own; the cases of a size run in turns, and the lower quartile of the
CPU times counts. `bare` is this interpreter doing nothing, `R` a loop of `csv.reader` over all
files. Cases `+click` import click as the command line does. Files are made older than two seconds
first, as they are in real life: younger ones are looked into again.
Exit code 1: an answer is not the sum of the generated credits.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

_AGE = 60
_ASK = """
import json, sys
from tokentrack.reports import query
from tokentrack.store.paths import LedgerPaths
import os
known = json.load(open(os.path.join(sys.argv[1], "ledgers.json")))
ledgers = [LedgerPaths(os.path.dirname(f), (os.path.basename(f),), "token_transactions.csv")
           for f in known["folders"]]
options = json.loads(sys.argv[2])
if options.pop("index", True):
    options["index"] = os.path.join(sys.argv[1], "state", "index.db")
options = {"tz": "UTC", "now": known["last"], **options}
answer = query(options.pop("by"), ledgers=ledgers, **options)
print(len(answer.rows), answer.total["turns"], answer.total["credits"], answer.provenance["source"])
"""
_READ = """
import csv, glob, gzip, sys
for path in glob.glob(sys.argv[1] + "/*/.kiro/*.csv*"):
    with (gzip.open if path.endswith("gz") else open)(path, "rt", newline="") as file:
        for row in csv.reader(file):
            pass
"""
_MONTH = {"by": ["day"], "since": "this-month"}
_CASES = {
    "bare": ("pass", {}),
    "R": (_READ, {}),
    "import sqlite3": ("import sqlite3", {}),
    "build": (_ASK, _MONTH),
    "no index": (_ASK, {"by": ["day", "model"], "index": False}),
    "month by day": (_ASK, _MONTH),
    "month by day +click": ("import click\n" + _ASK, _MONTH),
    "month by session": (_ASK, {"by": ["session"], "since": "this-month"}),
    "7d by model": (_ASK, {"by": ["model"], "since": "7d"}),
    "all by day +click": ("import click\n" + _ASK, {"by": ["day"]}),
    "all by month": (_ASK, {"by": ["month"]}),
    "all by model +click": ("import click\n" + _ASK, {"by": ["model"]}),
    "all by workspace +click": ("import click\n" + _ASK, {"by": ["workspace"]}),
    "all by day, model": (_ASK, {"by": ["day", "model"]}),
    "all by session": (_ASK, {"by": ["session"]}),
    "10 sessions": (_ASK, {"by": ["session"], "limit": 10}),
    "all by day, other zone": (_ASK, {"by": ["day"], "tz": "Asia/Kolkata"}),
    "failed by message": (_ASK, {"by": ["message"], "where": {"failed": ["true"]}}),
    "all by tag": (_ASK, {"by": ["tag"]}),
    "100 rows in one ledger": (_ASK, _MONTH),
    "100 rows in each": (_ASK, _MONTH),
}


class Run(NamedTuple):
    """What a case took: CPU seconds and the peak of its memory in MiB."""

    seconds: float
    peak: float
    output: str


def main() -> int:
    """Measure every size and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds of builds and of R")
    parser.add_argument("--only", default="", help="a part of the names of the cases to measure")
    parser.add_argument("--data", help="a folder in which generated ledgers are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tokentrack-bench-") as folder:
        for rows in options.rows:
            data = Path(options.data or folder) / str(rows)
            if not data.exists():
                generator = Path(__file__).with_name("generate_ledgers.py")
                subprocess.run([sys.executable, generator, data, str(rows)], check=True)
            if not _measure(data, rows, options):
                return 1
    return 0


def _measure(data: Path, rows: int, options: argparse.Namespace) -> bool:
    always = {"bare", "R", "build"}
    names = [name for name in _CASES if options.only in name or name in always]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    index = data / "state" / "index.db"
    _age(data)
    for number in range(max(options.rounds, options.slow_rounds)):
        for name in names:
            is_slow = name in {"R", "build", "no index"}
            if number >= (options.slow_rounds if is_slow else options.rounds):
                continue
            if name == "build":
                index.unlink(missing_ok=True)
            if name.startswith("100 rows"):
                _append(data, everywhere=name.endswith("each"), number=number)
            runs[name].append(_run(name, data))
            if name.startswith("100 rows"):
                _age(data)
                _run("month by day", data)  # now the file is trusted
    _show(data, rows, runs)
    sums = [run.output.split()[2] for name in ("no index", "all by day, model")
            for run in runs.get(name, [])[:1]]  # fmt: skip
    return len(set(sums)) <= 1


def _age(data: Path) -> None:
    for path in data.glob("*/.kiro/*.csv*"):
        if time.time() - path.stat().st_mtime < _AGE:
            old = time.time() - 2 * _AGE
            os.utime(path, (old, old))


def _append(data: Path, *, everywhere: bool, number: int) -> None:
    lives = sorted(data.glob("project-*/.kiro/token_transactions.csv"))
    for path in lives if everywhere else lives[:1]:
        usage = path.with_name("token_usage.csv")
        for file in (usage, path):
            kept = file.read_bytes()[-40_000:].split(b"\n")[-101:-1]
            fresh = [_renamed(line, time.time_ns() + n, number) for n, line in enumerate(kept)]
            with file.open("ab") as out:
                out.write(b"".join(fresh))


def _renamed(line: bytes, mark: int, number: int) -> bytes:
    # The ids of new executions, at the times of the old ones.
    cells = line.split(b",")
    at = 0 if len(cells) == 17 and cells[1].startswith(b"20") else -5
    cells[at] = b"new-%d-%d" % (number, mark)
    if not at:
        cells[13] = b""
    return b",".join(cells) + b"\n"


def _run(name: str, data: Path) -> Run:
    code, options = _CASES[name]
    command = [sys.executable, "-I", "-c", code, str(data), json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} ended with exit code {process.returncode}")
    # Kilobytes on Linux, bytes on macOS.
    peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return Run(usage.ru_utime + usage.ru_stime, peak, output)


def _quartile(numbers: list[float]) -> float:
    return sorted(numbers)[len(numbers) // 4]


def _show(data: Path, rows: int, runs: dict[str, list[Run]]) -> None:
    size = sum(path.stat().st_size for path in data.glob("*/.kiro/*.csv*"))
    index = (data / "state" / "index.db").stat().st_size
    print(f"\n{rows:,} rows, {size / 1e6:.0f} MB in files, index {index / 1e6:.1f} MB")
    bare, read = (_quartile([run.seconds for run in runs[name]]) for name in ("bare", "R"))
    for name, found in runs.items():
        if found:
            seconds = _quartile([run.seconds for run in found])
            peak = max(run.peak for run in found)
            print(
                f"  {name:<26} {seconds * 1000:9.1f} ms  {seconds / bare:7.2f} bare  "
                f"{seconds / read:6.2f} R  {peak:5.1f} MiB  {found[0].output.strip()}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
