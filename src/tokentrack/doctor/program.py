"""Whether Kiro would find `tokentrack`, what it would start, and how long a hook takes here."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tokentrack.doctor.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.selftest import temporary_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NAME = "tokentrack"
_HEAD = 4096
_REINSTALL = "uv tool install tokentrack"
# What stands in a launcher that starts another program first -> how the message names it.
_SHIMS = {
    "pyenv": "a pyenv shim, which starts a shell first",
    "asdf": "an asdf shim, which starts a shell first",
    "uvx": "a script that runs uvx, which looks for the package each time",
    "uv tool run": "a script that runs uv, which looks for the package each time",
    "pipx run": "a script that runs pipx, which looks for the package each time",
}
# What a program from the desktop has, where no shell has read its start files.
_DESKTOP_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin"
_RUNS = 5
_SLOW_RATIO = 4.0
_TIMEOUT = 30


def examine_program(environ: Mapping[str, str], *, desktop: bool) -> Iterator[Finding]:
    """Yield where `tokentrack` is and what stands in the way of starting it fast.

    `desktop` says that an IDE may run the hooks, whose PATH can be shorter than the shell's.
    """
    path = shutil.which(_NAME, path=environ.get("PATH"))
    if path is None:
        folder = os.path.dirname(sys.executable)
        yield Finding("program", PROBLEM, "no `tokentrack` is on PATH, so Kiro would not find it",
                      f"{_REINSTALL}, or put {folder} on PATH")  # fmt: skip
        return
    slow = _why_slow(path)
    if slow:
        yield Finding("program", WARNING, f"{path} is {slow}", _REINSTALL)
    else:
        yield Finding("program", OK, f"`tokentrack` is {path}")
    if desktop and os.name == "posix" and shutil.which(_NAME, path=_DESKTOP_PATH) is None:
        yield Finding(
            "program", WARNING,
            f"a Kiro that the desktop starts may have a shorter PATH and not find {path}",
            f"sudo ln -s {path} /usr/local/bin/tokentrack, or start Kiro from a shell",
        )  # fmt: skip


def _why_slow(path: str) -> str:
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""
    if not head.startswith("#!"):
        return ""
    shim = next((what for mark, what in _SHIMS.items() if mark in head), "")
    if shim:
        return shim
    loads_re = any(line.strip() == "import re" for line in head.splitlines())
    return "a launcher that imports `re`, which doubles a hook's start" if loads_re else ""


def measure(environ: Mapping[str, str]) -> Finding:
    """Return how long a hook takes here, in a workspace and a home of its own."""
    program = shutil.which(_NAME, path=environ.get("PATH"))
    command = [program] if program else [sys.executable, "-m", _NAME]
    with temporary_home() as (root, inner):
        given = {**inner, "PATH": environ.get("PATH", os.defpath)}
        hook = [*command, "hook-run", "--event", "agentStop", "--no-stdin"]
        try:
            took = _median(hook, root, given)
            bare = _median([sys.executable, "-I", "-c", "pass"], root, given)
        except (OSError, subprocess.SubprocessError) as error:
            return Finding("speed", PROBLEM, f"the hook could not be run: {type(error).__name__}",
                           _REINSTALL)  # fmt: skip
    ratio = took / bare
    text = (
        f"a hook takes {took * 1000:.0f} ms here, {ratio:.1f} times a bare Python "
        f"({bare * 1000:.0f} ms), median of {_RUNS}"
    )
    if ratio > _SLOW_RATIO:
        return Finding("speed", WARNING, text, _REINSTALL)
    return Finding("speed", OK, text)


def _median(command: Sequence[str], root: str, environ: Mapping[str, str]) -> float:
    times = []
    for _ in range(_RUNS + 1):
        began = time.perf_counter()
        subprocess.run(  # noqa: S603  (this program and its interpreter)
            command,
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=_TIMEOUT,
        )
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])  # the first one warms the caches
