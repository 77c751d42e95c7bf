"""Whether Kiro can start the programs of the hooks, and how long a hook takes here.

`status` loads this module, so what only `doctor` needs is imported where it is used.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import tokentrack
from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.diagnostics.kiro import may_run_from_desktop
from tokentrack.hookfiles.entries import program_of, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.diagnostics.setup import Setup

_AREA = "program"
NAME = "tokentrack"
_DISTRIBUTION = "kiro-tokentrack"
CHECK = (
    f"run `tokentrack --version` in a terminal; it must print {tokentrack.__version__}, since "
    "another program has the same name"
)
_INSTALL = "run `uv tool install .` or `pipx install .` in a checkout of tokentrack"
_HEAD = 4096
# Text of a launcher that starts another program first -> what it is, and what helps.
_SHIMS = {
    "pyenv": ("a pyenv shim, which starts a shell first",
              "put the folder that `pyenv which tokentrack` shows first on PATH"),
    "asdf": ("an asdf shim, which starts a shell first",
             "put the folder that `asdf which tokentrack` shows first on PATH"),
    "uvx": ("a script that runs uvx, which looks up the package each time", _INSTALL),
    "uv tool run": ("a script that runs uv, which looks up the package each time", _INSTALL),
    "pipx run": ("a script that runs pipx, which looks up the package each time", _INSTALL),
}  # fmt: skip
# The PATH of a program started from the desktop, where no shell has read its start files.
_DESKTOP_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin"
_RUNS = 5
_SLOW_RATIO = 4.0
_TIMEOUT = 30
_FASTER = (
    "check for a `program` warning above; a busy machine, a slow disk or a virus scanner also "
    "slows it down"
)


class Slowness(NamedTuple):
    """Why a launcher starts slowly, and what makes it faster."""

    reason: str
    fix: str


def check_programs(setup: Setup) -> Iterator[Finding]:
    """Yield the programs of the hooks that are not on PATH; Kiro may have another PATH."""
    level = PROBLEM if setup.hooks and not setup.ledger.rows else WARNING
    for word, path in _programs(setup).items():
        if path is None and not os.path.dirname(word):
            fix = how_to_find() if word == NAME else f"install `{word}`, or put it on PATH"
            yield Finding(_AREA, level, not_on_path(word), fix)


def check_launchers(setup: Setup) -> Iterator[Finding]:
    """Yield where the programs of the hooks are, which start slowly, and which an IDE may miss."""
    desktop = may_run_from_desktop(setup)
    for word, path in _programs(setup).items():
        if path is None:
            continue
        slow = why_slow(path)
        if slow:
            yield Finding(_AREA, WARNING, f"{path} is {slow.reason}", slow.fix)
        else:
            yield Finding(_AREA, OK, f"`{word}` is {path}")
        is_bare = not os.path.dirname(word) and os.name == "posix"
        if is_bare and desktop and shutil.which(word, path=_DESKTOP_PATH) is None:
            yield Finding(
                _AREA, WARNING,
                f"Kiro, if started from the desktop, may have a shorter PATH and not find {path}",
                f'write `export PATH={quoted(os.path.dirname(path))}:"$PATH"` into ~/.profile and '
                "log in again, or start Kiro from a terminal",
            )  # fmt: skip


def check_speed(setup: Setup) -> Iterator[Finding]:
    """Yield how long a hook takes here, in a workspace and a home of its own."""
    import subprocess

    from tokentrack.recorder.selftest import temporary_home

    program = shutil.which(NAME, path=setup.environ.get("PATH"))
    command = [program] if program else [sys.executable, "-m", NAME]
    with temporary_home() as (root, inner):
        given = {**inner, "PATH": setup.environ.get("PATH", os.defpath)}
        hook = [*command, "hook-run", "--event", "agentStop", "--no-stdin"]
        try:
            took = _median(hook, root, given)
            bare = _median([sys.executable, "-I", "-c", "pass"], root, given)
        except (OSError, subprocess.SubprocessError) as error:
            yield Finding("speed", PROBLEM, f"the hook could not be run: {type(error).__name__}",
                          CHECK)  # fmt: skip
            return
    ratio = took / bare
    text = (
        f"a hook takes {took * 1000:.0f} ms here, {ratio:.1f} times as long as a bare Python "
        f"({bare * 1000:.0f} ms); median of {_RUNS} runs"
    )
    if ratio > _SLOW_RATIO:
        yield Finding("speed", WARNING, text, _FASTER)
    else:
        yield Finding("speed", OK, text)


def why_slow(path: str) -> Slowness | None:
    """Return why a launcher starts slowly, None if it does not."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    if not head.startswith("#!"):
        return None
    for mark, (reason, fix) in _SHIMS.items():
        if mark in head:
            return Slowness(reason, fix)
    lines = [line.strip() for line in head.splitlines()]
    if "import re" in lines:
        reason = "a launcher from an older pip, which imports `re`: a hook takes twice as long"
        return Slowness(reason, _renew(lines[0].removeprefix("#!").strip()))
    return None


def not_on_path(program: str) -> str:
    """Return the sentence about a program that is not on PATH."""
    return f"`{program}` is not on PATH; if Kiro has the same PATH, its hooks cannot start"


def how_to_find() -> str:
    """Return what puts the program where Kiro finds it."""
    import sysconfig

    folders = dict.fromkeys((
        os.path.dirname(sys.executable),
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
    ))  # fmt: skip
    found = next((folder for folder in folders if shutil.which(NAME, path=folder)), "")
    return f"put {found} on PATH" if found else _INSTALL


def _programs(setup: Setup) -> dict[str, str | None]:
    # The programs of the hooks that fire, `tokentrack` without any, and where each is.
    words = dict.fromkeys(program_of(hook.command) for hook in setup.hooks if hook.fires)
    search = setup.environ.get("PATH")
    names = [word for word in words if word] or [NAME]
    return {name: shutil.which(os.path.expanduser(name), path=search) for name in names}


def _renew(python: str) -> str:
    # A newer pip writes a launcher that does not import it.
    source = _source() if os.path.dirname(python) == os.path.dirname(sys.executable) else ""
    pip = f"{quoted(python)} -m pip install"
    if source:
        return f"{pip} --upgrade pip && {pip} --force-reinstall --no-deps {source}"
    return f"{pip} --upgrade pip, then install tokentrack again from its source"


def _source() -> str:
    # What pip was given when it installed this program, "" if that is unknown.
    import importlib.metadata
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

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


def _median(command: Sequence[str], root: str, environ: Mapping[str, str]) -> float:
    import statistics
    import subprocess

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
