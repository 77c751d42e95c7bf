"""Measure what a hook process costs, as a ratio to the bare interpreter in the same run.

`bare` is `python -I -c pass`; `launcher` is the console script of the same environment around an
empty function; `start` and `completion` are whole `tokentrack hook-run` processes with IDE 1.x's
payloads on stdin, with and without fsync. Every round runs each of them once, in random order.
On a busy machine the milliseconds double, but the ratios stay the same. The time of fsync depends
on the disk: choose one with TMPDIR. Exit code 1: an event was not recorded, so the numbers mean
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_processes import ENTRY_POINT, Bench, BenchmarkError, check_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKOUT = Path(__file__).resolve().parent.parent
_QUARTILES = ("q1", "median", "q3")


def main() -> int:
    """Measure, print and return the exit code."""
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="tokentrack-bench-") as name:
        folder = Path(name).resolve()
        try:
            # Not resolved: the path of the interpreter says which environment it belongs to.
            python = options.python.absolute() if options.python else make_environment(folder)
            report = measure(folder, python, options.rounds)
        except BenchmarkError as error:
            print(f"bench_hook: {error}", file=sys.stderr)
            return 1
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--python", type=Path, help="measure this environment instead of a new one with the wheel"
    )
    parser.add_argument("--rounds", type=int, default=31, help="at least 2 (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("quartiles need at least 2 rounds")
    return options


def make_environment(folder: Path) -> Path:
    """Install the built wheel in a new environment and return its interpreter."""
    python = folder / "venv" / "bin" / "python"
    wheels = folder / "wheel"
    _do([sys.executable, "-m", "venv", folder / "venv"])
    _do([python, "-m", "pip", "install", "--upgrade", "pip"])
    _do([python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", wheels, CHECKOUT])
    # By its path, so that no package index is asked for it.
    _do([python, "-m", "pip", "install", *wheels.glob("*.whl")])
    # An environment with setuptools runs it at every start, which hides part of the ratio.
    _do([python, "-m", "pip", "uninstall", "--yes", "setuptools"])
    return python


def _do(words: Sequence[str | Path]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        shown = " ".join(str(word) for word in words)
        raise BenchmarkError(f"`{shown}` failed, so nothing was measured:\n{done.stderr}")


def measure(folder: Path, python: Path, rounds: int) -> dict[str, Any]:
    """Run all rounds and return the report."""
    launcher = python.with_name("tokentrack")
    text = _read_launcher(launcher)
    environ = {"HOME": str(folder), "KIRO_HOME": str(folder / "kiro"), "PATH": os.defpath}
    bench = Bench(folder, python, launcher, environ)
    bench.add_empty_launcher(text)
    times = bench.run(rounds)
    for workspace in bench.workspaces.values():
        check_recorded(workspace, rounds + 1)
    bare = statistics.median(times["bare"])
    return {
        "python": _version_of(python, environ),
        "machine": f"{platform.system()} {platform.machine()}",
        "package": _package_of(python, environ),
        "launcher_imports_re": "import re" in text.splitlines(),
        "rounds": rounds,
        "results": {name: _summary(values, bare) for name, values in times.items()},
    }


def _read_launcher(launcher: Path) -> str:
    try:
        text = launcher.read_text("utf-8")
    except (OSError, ValueError):
        text = ""
    if ENTRY_POINT not in text:
        raise BenchmarkError(
            f"{launcher} is not the console script of tokentrack: install it there"
        )
    return text


def _version_of(python: Path, environ: dict[str, str]) -> str:
    return _ask(python, environ, "import platform; print(platform.python_version())")


def _package_of(python: Path, environ: dict[str, str]) -> str:
    where = _ask(python, environ, "import tokentrack; print(tokentrack.__file__)")
    return "installed" if "site-packages" in where else "editable"


def _ask(python: Path, environ: dict[str, str], code: str) -> str:
    words = [str(python), "-I", "-c", code]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _summary(values: list[float], bare: float) -> dict[str, dict[str, float]]:
    cuts = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "ms": {name: round(cut, 3) for name, cut in zip(_QUARTILES, cuts, strict=True)},
        "ratio": {name: round(cut / bare, 3) for name, cut in zip(_QUARTILES, cuts, strict=True)},
    }


def table(report: dict[str, Any]) -> str:
    """Return a report as text, the ratios first."""
    imports = "imports" if report["launcher_imports_re"] else "does not import"
    lines = [
        f"Python {report['python']}, {report['machine']}, {report['package']} package",
        f"{report['rounds']} rounds; the console script {imports} `re`",
        "",
        f"{'':<22}{'x bare':>8}{'q1':>7}{'q3':>7}{'ms':>9}{'q1':>7}{'q3':>7}",
    ]
    for name, result in report["results"].items():
        ratio, ms = result["ratio"], result["ms"]
        lines.append(
            f"{name:<22}{ratio['median']:>8.2f}{ratio['q1']:>7.2f}{ratio['q3']:>7.2f}"
            f"{ms['median']:>9.1f}{ms['q1']:>7.1f}{ms['q3']:>7.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
