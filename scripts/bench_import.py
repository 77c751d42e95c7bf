"""Measure `tokentrack import --all` of a synthetic history: rate, peak memory, exact total.

For each size, a new home with v1 sessions is imported by a process of its own, and then a second
time, when there is nothing to add. Memory is constant if the peaks of two sizes are alike. Exit
code 1: the imported rows or credits are not exactly those of the home, so the numbers mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import resource

_TESTS = Path(__file__).resolve().parent.parent / "tests"
_ROW = "{:>9}  {:<6}  {:>8}  {:>9}  {:>8}  {}"


class Run(NamedTuple):
    """One import: what it printed, and the time and memory that it took."""

    summary: dict[str, Any]
    seconds: float
    peak_mib: float


def main() -> int:
    """Measure every size and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", type=int, nargs="*", default=[10_000, 100_000])
    options = parser.parse_args()
    print(_ROW.format("turns", "import", "seconds", "turns/s", "peak MiB", "credits"))
    return 0 if all(_measure(turns) for turns in options.turns) else 1


def _measure(turns: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="tokentrack-bench-") as folder:
        home = Path(folder)
        total = _write_home(home, turns)
        first, again = _import(home), _import(home)
    for name, run in (("first", first), ("again", again)):
        rate = f"{turns / run.seconds:,.0f}"
        cells = (f"{turns:,}", name, f"{run.seconds:.1f}", rate, f"{run.peak_mib:.0f}")
        print(_ROW.format(*cells, run.summary["credits"]), flush=True)
    exact = first.summary["added"] == turns and Decimal(first.summary["credits"]) == total
    if not exact or again.summary["added"]:
        print(f"wrong: {turns:,} turns with {total} credits should have been added once")
    return exact and not again.summary["added"]


def _write_home(home: Path, turns: int) -> Decimal:
    command = [sys.executable, "-m", "support.kiro_homes", str(home), str(turns)]
    done = subprocess.run(command, cwd=_TESTS, stdout=subprocess.PIPE, check=True)
    return Decimal(done.stdout.decode().split()[-2])


def _import(home: Path) -> Run:
    environ = {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath)}
    command = [sys.executable, "-m", "tokentrack", "import", "--all", "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, cwd=home, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the import ended with exit code {process.returncode}")
    return Run(json.loads(output), seconds, _mebibytes(usage))


def _mebibytes(usage: resource.struct_rusage) -> float:
    # Kilobytes on Linux, bytes on macOS.
    return usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
