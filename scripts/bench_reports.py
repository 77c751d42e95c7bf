"""Measure the installed commands over synthetic ledgers, and compare them with their bars.

Everything is installed into a clean virtual environment with a current pip; `bare` is the
interpreter of that environment doing nothing, `R` a loop of `csv.reader` over all files. The cases
of a size run in turns, once with a plan and once without, and the lower quartile of their CPU
times counts. Files are made older than two seconds first, as they are in real life: younger ones
are looked into again. The memory is the peak of the process.
Exit code 1: a sum is not that of the generated credits, or a bar is not met.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from generate_ledgers import USER
from report_bars import (
    BARS,
    CASES,
    GROWN,
    MORE_LEDGERS,
    MOST_DISK,
    MOST_LEDGERS,
    NEW,
    SMALL,
    Bar,
    Case,
)
from tokentrack.common.timestamps import format_us

_ROOT = Path(__file__).parent.parent
_AGE = 60
_PLAN = {"name": "Power", "price": "200", "credits": "10000", "overage": "0.04", "billing_day": 12}
# Started from a small process: a peak begins with that of the process that it was forked from.
_STARTER = """
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
told = f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}"
os.write(int(sys.argv[1]), told.encode())
"""


class Run(NamedTuple):
    """What a command took: CPU seconds and the peak of its memory in MiB; and its output."""

    seconds: float
    peak: float
    output: str


class Bench:
    """A home with ledgers, and the commands that are measured over it."""

    def __init__(self, home: Path, python: Path) -> None:
        """Name the home and the interpreter of the environment."""
        self.home = home
        self._python = python
        self._told: dict[str, Any] = json.loads((home / "generated.json").read_text())
        self._state = home / ".local" / "state" / "tokentrack"
        self._started = time.time_ns()
        self._number = 0

    def run(self, case: Case, *, has_plan: bool = False) -> Run:
        """Run a case, after what has to be done before it."""
        self._set_plan(has_plan=has_plan)
        if case.before == NEW:
            (self._state / "index.db").unlink(missing_ok=True)
        if case.before == GROWN:
            self._append()
        found = self._run(self._command(case), case.exits)
        if case.before in {NEW, GROWN}:
            self.age()
            self.warm_up()
        return found

    def warm_up(self) -> None:
        """Let the index trust the files, and know what is beyond the plan."""
        self._set_plan(has_plan=True)
        self._run(self._command(Case("", "report")))

    def _set_plan(self, *, has_plan: bool) -> None:
        config = self.home / ".kiro" / "token_tracker_config.json"
        config.parent.mkdir(exist_ok=True)
        config.write_text(json.dumps({"plan": _PLAN} if has_plan else {}))

    def age(self) -> None:
        """Make young files older."""
        for path in self._files():
            if time.time() - path.stat().st_mtime < _AGE:
                old = time.time() - 2 * _AGE
                os.utime(path, (old, old))

    def sums(self) -> list[str]:
        """Return the sums that differ from the generated one, in words."""
        wanted, found = self._told["credits"], []
        for words in (
            "report day", "report model workspace", "report session", "report --no-index",
            "report --tz Asia/Kolkata",
        ):  # fmt: skip
            answer = json.loads(
                self._run(self._command(Case("", f"{words} --since all --json"))).output
            )
            if answer["total"]["credits"] != wanted:
                found.append(f"{words}: {answer['total']['credits']} instead of {wanted}")
        return found

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of plain text and of the index."""
        plain = 0
        for path in self._files():
            if path.suffix == ".gz":
                with gzip.open(path) as file:
                    while block := file.read(1 << 20):
                        plain += len(block)
            else:
                plain += path.stat().st_size
        return plain, (self._state / "index.db").stat().st_size

    def _files(self) -> list[Path]:
        return [Path(path) for paths in self._told["files"].values() for path in paths]

    def _command(self, case: Case) -> list[str]:
        if case.code:
            python = sys.executable if case.other else self._python
            return [str(python), "-I", "-c", case.code, str(self.home)]
        wanted = self._told["ids"][-1]
        names = {"ID": wanted, "PREFIX": wanted[:8]}
        words = [names.get(word, word) for word in case.words.split()]
        return [str(self._python.with_name("tokentrack")), *words]

    def _run(self, command: list[str], exits: tuple[int, ...] = (0,)) -> Run:
        environ = {"HOME": str(self.home), "USER": USER, "TZ": "Europe/Berlin", "COLUMNS": "120"}
        environ |= {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        read, write = os.pipe()
        starter = [str(self._python), "-I", "-S", "-c", _STARTER, str(write), *command]
        done = subprocess.run(
            starter, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environ,
            cwd=self.home / "project-00", pass_fds=[write], check=True, text=True,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as pipe:
            seconds, peak, code = pipe.read().split()
        if int(code) not in exits:
            raise SystemExit(f"{' '.join(command)[:200]} ended with exit code {code}")
        # Kilobytes on Linux, bytes on macOS.
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        return Run(float(seconds), int(peak) / unit, done.stdout)

    def _append(self) -> None:
        # The last rows again, as new executions of the time of the last one.
        self._number += 1
        for name in ("token_usage.csv", "token_transactions.csv"):
            path = next(path for path in self._files() if path.name == name)
            with path.open("r+b") as file:
                file.seek(-min(40_000, path.stat().st_size), os.SEEK_END)
                lines = file.read().split(b"\n")[1:-1]
                kept = [line for line in lines if b'"aborted' not in line][-100:]
                file.write(b"".join([self._renamed(line, n) for n, line in enumerate(kept)]))

    def _renamed(self, line: bytes, n: int) -> bytes:
        cells = line.split(b",")
        is_usage = cells[1].startswith(b"20")
        mark = b"%d-%d-%d" % (self._started, self._number, n)
        cells[0 if is_usage else -5] = b"new-" + mark
        cells[int(is_usage)] = format_us(self._told["last"] + n).encode()
        if is_usage and cells[13]:
            cells[13] = b"turn-" + mark
        return b",".join(cells) + b"\n"


class Figures:
    """The figures of one size: for each case its runs, without a plan and with one."""

    def __init__(self, runs: dict[tuple[str, bool], list[Run]]) -> None:
        """Keep the runs."""
        self._runs = runs

    def cases(self) -> list[tuple[str, bool]]:
        """Return the cases that were run."""
        return [case for case, runs in self._runs.items() if runs]

    def seconds(self, case: str, *, has_plan: bool) -> float:
        """Return the lower quartile of a case's CPU times."""
        found = self._runs.get((case, has_plan)) or self._runs[case, False]
        return sorted(run.seconds for run in found)[len(found) // 4]

    def peak(self, case: str, *, has_plan: bool) -> float:
        """Return the most memory that a case took, in MiB."""
        return max(run.peak for run in self._runs[case, has_plan])


def main() -> int:
    """Measure every size and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds of what reads all")
    parser.add_argument("--only", default="", help="names of cases, separated by commas")
    parser.add_argument("--data", type=Path, help="a folder in which generated ledgers are kept")
    parser.add_argument("--venv", type=Path, help="where the environment is kept; it is updated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tokentrack-bench-") as folder:
        python = _install(options.venv or Path(folder) / "venv")
        data = options.data or Path(folder)
        figures, problems = {}, []
        for rows in sorted(options.rows):
            bench = Bench(_generated(data / str(rows), rows), python)
            figures[rows], found = _measure(bench, rows, options)
            problems += found
        for rows in figures:
            problems += _compare(figures, rows)
        if not options.only:
            problems += _compare_ledgers(data, python, options.rounds)
    print("\n".join(["", *problems]) if problems else "\nAll bars hold.")
    return 1 if problems else 0


def _install(folder: Path) -> Path:
    if not folder.exists():
        venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin" / "python"
    # A current pip's launchers import less, and setuptools adds to the start of the interpreter.
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--upgrade", "pip"], check=True)
    subprocess.run([*pip, "uninstall", "--yes", "setuptools"], check=True)
    subprocess.run([*pip, "install", str(_ROOT)], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--force-reinstall", str(_ROOT)], check=True)
    return python


def _generated(folder: Path, rows: int, *more: str) -> Path:
    if not folder.exists():
        generator = Path(__file__).with_name("generate_ledgers.py")
        subprocess.run([sys.executable, generator, folder, str(rows), *more], check=True)
    return folder


def _measure(bench: Bench, rows: int, options: argparse.Namespace) -> tuple[Figures, list[str]]:
    wanted = [name for name in options.only.split(",") if name]
    cases = [
        case for case in CASES
        if (not wanted or case.name in {*wanted, "bare"})
        and (not case.other or find_spec(case.other))
    ]  # fmt: skip
    bench.age()
    bench.warm_up()
    problems = [] if wanted else bench.sums()
    runs: dict[tuple[str, bool], list[Run]] = {}
    for number in range(max(options.rounds, options.slow_rounds)):
        for case in cases:
            if number >= (options.slow_rounds if case.is_slow else options.rounds):
                continue
            for has_plan in (False, True) if case.words and case.name != "--version" else (False,):
                run = bench.run(case, has_plan=has_plan)
                runs.setdefault((case.name, has_plan), []).append(run)
    found = Figures(runs)
    plain, index = bench.sizes()
    print(f"\n{rows:,} rows, {plain / 1e6:.0f} MB of text, index {index / plain:.1%} of that")
    if index > MOST_DISK * plain and rows > 100_000:
        problems.append(f"{rows:,} rows: the index is larger than {MOST_DISK:.0%} of the text")
    _show(found)
    return found, problems


def _show(figures: Figures) -> None:
    for case, has_plan in figures.cases():
        seconds = figures.seconds(case, has_plan=has_plan)
        ratio = seconds / figures.seconds("bare", has_plan=False)
        name = f"{case}, with a plan" if has_plan else case
        peak = figures.peak(case, has_plan=has_plan)
        print(
            f"  {name:<34} {seconds * 1000:9.1f} ms {ratio:8.2f} bare {peak:6.1f} MiB", flush=True
        )


def _compare(figures: dict[int, Figures], rows: int) -> list[str]:
    print(f"\nBars at {rows:,} rows")
    smallest, problems = min(figures), []
    for bar in BARS:
        if rows not in bar.sizes or (bar.of == SMALL and smallest == rows):
            continue
        for case, has_plan in figures[rows].cases():
            if case == bar.case:
                text = _line(bar, figures[rows], figures[smallest], has_plan=has_plan)
                print(text, flush=True)
                problems += [f"{rows:,} rows: {text.strip()}"] if "NOT" in text else []
    return problems


def _line(bar: Bar, figures: Figures, small: Figures, *, has_plan: bool) -> str:
    other = figures if bar.of != SMALL else small
    base = other.seconds(bar.case if bar.of == SMALL else bar.of, has_plan=has_plan)
    ratio = figures.seconds(bar.case, has_plan=has_plan) / base
    peak = figures.peak(bar.case, has_plan=has_plan)
    holds = ratio <= bar.most and (not bar.peak or peak <= bar.peak)
    unit = {"R": "R", SMALL: "x that at the smallest size"}.get(bar.of, "bare")
    memory = f", {peak:.1f} of {bar.peak} MiB" if bar.peak else ""
    name = f"{bar.case}, with a plan" if has_plan else bar.case
    return (
        f"  {name:<34} {ratio:7.2f} of {bar.most} {unit}{memory}: {'holds' if holds else 'NOT MET'}"
    )


def _compare_ledgers(data: Path, python: Path, rounds: int) -> list[str]:
    one, many = (
        Bench(_generated(data / f"ledgers-{n}", 20_000, "--ledgers", str(n)), python)
        for n in (1, MORE_LEDGERS)
    )
    times: dict[Bench, list[float]] = {one: [], many: []}
    for bench in times:
        bench.age()
        bench.warm_up()
    for _ in range(rounds):
        for bench, found in times.items():
            found.append(bench.run(Case("", "report")).seconds)
    first, last = (sorted(found)[len(found) // 4] for found in times.values())
    text = f"{MORE_LEDGERS} ledgers: {last / first:.2f} of {MOST_LEDGERS} x one"
    print(f"\n{text}")
    return [] if last <= MOST_LEDGERS * first else [text]


if __name__ == "__main__":
    sys.exit(main())
