"""Where the program is and how to start it faster; its name on PyPI is another program's."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
import sysconfig
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import tokentrack
from tokentrack.hookfiles.commands import quoted

NAME = "tokentrack"
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
    mend: str


def why_slow(path: str) -> Slowness | None:
    """Return what is slow about a launcher, None when nothing is known."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    if not head.startswith("#!"):
        return None
    for mark, (reason, mend) in _SHIMS.items():
        if mark in head:
            return Slowness(reason, mend or _INSTALL)
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
        record = importlib.metadata.distribution(NAME).read_text("direct_url.json")
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
