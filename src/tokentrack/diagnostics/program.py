"""Whether Kiro would find the programs of the hooks, and how long a hook takes here."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import tokentrack
from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.hookfiles.entries import program_of, quoted
from tokentrack.recorder.selftest import temporary_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tokentrack.hookfiles.installed import InstalledHook

NAME = "tokentrack"
_DISTRIBUTION = "kiro-tokentrack"
_HEAD = 4096
# What stands in a launcher that starts another program first -> what it is, and what helps.
_SHIMS = {
    "pyenv": ("a pyenv shim, which starts a shell first",
              "put the folder that `pyenv which tokentrack` shows first on PATH"),
    "asdf": ("an asdf shim, which starts a shell first",
             "put the folder that `asdf which tokentrack` shows first on PATH"),
    "uvx": ("a script that runs uvx, which looks for the package each time", ""),
    "uv tool run": ("a script that runs uv, which looks for the package each time", ""),
    "pipx run": ("a script that runs pipx, which looks for the package each time", ""),
}  # fmt: skip
_INSTALL = "run `uv tool install .` or `pipx install .` in a checkout of tokentrack"
CHECK = (
    f"run `tokentrack --version` in a terminal: it must say {tokentrack.__version__}, "
    "for there is another program of that name"
)


class Slowness(NamedTuple):
    """Why a launcher starts slowly, and what helps."""

    reason: str
    fix: str


def why_slow(path: str) -> Slowness | None:
    """Return what is slow about a launcher, None when nothing is known."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    if not head.startswith("#!"):
        return None
    for mark, (reason, fix) in _SHIMS.items():
        if mark in head:
            return Slowness(reason, fix or _INSTALL)
    lines = [line.strip() for line in head.splitlines()]
    if "import re" in lines:
        reason = "a launcher of an older pip, which imports `re`: a hook takes twice as long"
        return Slowness(reason, _renew(lines[0].removeprefix("#!").strip()))
    return None


def _renew(python: str) -> str:
    # A newer pip writes a launcher that does without.
    source = _source() if os.path.dirname(python) == os.path.dirname(sys.executable) else ""
    pip = f"{quoted(python)} -m pip install"
    if source:
        return f"{pip} --upgrade pip && {pip} --force-reinstall --no-deps {source}"
    return f"{pip} --upgrade pip, then install tokentrack again from where it came"


def _source() -> str:
    """Return what pip was given when it installed this program; "" when it is not known."""
    try:
        record = importlib.metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
        found = json.loads(record or "")
        url = found["url"]
    except (importlib.metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""
    if "vcs_info" in found:
        return quoted(f"{found['vcs_info'].get('vcs', 'git')}+{url}")
    path = url2pathname(urlsplit(url).path) if url.startswith("file:") else ""
    if not path:
        return quoted(url)
    is_editable = found.get("dir_info", {}).get("editable") is True
    return ("-e " if is_editable else "") + quoted(path) if os.path.exists(path) else ""


def how_to_find() -> str:
    """Return what puts the program where Kiro finds it."""
    folders = dict.fromkeys((
        os.path.dirname(sys.executable),
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
    ))  # fmt: skip
    found = next((folder for folder in folders if shutil.which(NAME, path=folder)), "")
    return f"put {found} on PATH" if found else _INSTALL


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
            fix = how_to_find() if word == NAME else f"install `{word}`, or put it on PATH"
            message = f"no `{word}` is on PATH, so Kiro would not find it"
            yield Finding(_AREA, PROBLEM, message, fix)


def _of_program(word: str, path: str, *, desktop: bool) -> Iterator[Finding]:
    slow = why_slow(path)
    if slow:
        yield Finding(_AREA, WARNING, f"{path} is {slow.reason}", slow.fix)
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
