"""Whether Kiro would find the programs of the hooks, and how long a hook takes here."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tokentrack.doctor.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.doctor.launcher import CHECK, NAME, how_to_find, why_slow
from tokentrack.hookfiles.commands import program_of, quoted
from tokentrack.selftest import temporary_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tokentrack.hookfiles.installed import InstalledHook

_AREA = "program"
# What a program from the desktop has, where no shell has read its start files.
_DESKTOP_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin"
_RUNS = 5
_SLOW_RATIO = 4.0
_TIMEOUT = 30
_FASTER = (
    "look whether `program` has a warning above; a busy machine, a slow disk and a scanner of "
    "viruses slow it down, too"
)


def examine_program(
    hooks: Iterable[InstalledHook], environ: Mapping[str, str], *, desktop: bool
) -> Iterator[Finding]:
    """Yield where the programs of the hooks that fire are, and what starts them slowly.

    Without such a hook `tokentrack` is looked for. `desktop` says that an IDE may run the hooks,
    whose PATH can be shorter than the shell's.
    """
    words = dict.fromkeys(program_of(hook.command) for hook in hooks if hook.fires)
    for word in [word for word in words if word] or [NAME]:
        path = shutil.which(os.path.expanduser(word), path=environ.get("PATH"))
        if path is not None:
            yield from _of_program(word, path, desktop=desktop)
        elif not os.path.dirname(word):
            mend = how_to_find() if word == NAME else f"install `{word}`, or put it on PATH"
            message = f"no `{word}` is on PATH, so Kiro would not find it"
            yield Finding(_AREA, PROBLEM, message, mend)


def _of_program(word: str, path: str, *, desktop: bool) -> Iterator[Finding]:
    slow = why_slow(path)
    if slow:
        yield Finding(_AREA, WARNING, f"{path} is {slow.reason}", slow.mend)
    else:
        yield Finding(_AREA, OK, f"`{word}` is {path}")
    is_bare = not os.path.dirname(word) and os.name == "posix"
    if is_bare and desktop and shutil.which(word, path=_DESKTOP_PATH) is None:
        yield Finding(
            _AREA, WARNING,
            f"a Kiro that the desktop starts may have a shorter PATH and not find {path}",
            f'write `export PATH={quoted(os.path.dirname(path))}:"$PATH"` into ~/.profile and '
            "log in again, or start Kiro from a terminal",
        )  # fmt: skip


def measure(environ: Mapping[str, str]) -> Finding:
    """Return how long a hook takes here, in a workspace and a home of its own."""
    program = shutil.which(NAME, path=environ.get("PATH"))
    command = [program] if program else [sys.executable, "-m", NAME]
    with temporary_home() as (root, inner):
        given = {**inner, "PATH": environ.get("PATH", os.defpath)}
        hook = [*command, "hook-run", "--event", "agentStop", "--no-stdin"]
        try:
            took = _median(hook, root, given)
            bare = _median([sys.executable, "-I", "-c", "pass"], root, given)
        except (OSError, subprocess.SubprocessError) as error:
            return Finding("speed", PROBLEM, f"the hook could not be run: {type(error).__name__}",
                           CHECK)  # fmt: skip
    ratio = took / bare
    text = (
        f"a hook takes {took * 1000:.0f} ms here, {ratio:.1f} times a bare Python "
        f"({bare * 1000:.0f} ms), median of {_RUNS}"
    )
    if ratio > _SLOW_RATIO:
        return Finding("speed", WARNING, text, _FASTER)
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
