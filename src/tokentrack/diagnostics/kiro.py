"""Which Kiro products and engines are on this machine, by the traces they leave."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tokentrack.diagnostics.findings import OK, WARNING, Finding
from tokentrack.hookfiles.detect import detect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_AREA = "kiro"
# `kiro` opens the IDE; it is not the CLI.
_PROGRAMS = {"kiro": "the IDE's launcher", "kiro-cli": "the CLI", "q": "the CLI's older name"}
_ENGINES = {
    "ide-0": "Kiro IDE 0.x",
    "v1": "the v1 engine (IDE 1.x, CLI 3)",
    "cli-2": "Kiro CLI 1.x or 2.x",
    "crew": "Kiro Crew",
}


def examine_machine(root: str, kiro_home: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the programs on PATH and the engines that left traces."""
    programs = [
        Finding(_AREA, OK, f"`{name}` ({what}) is {path}")
        for name, what in _PROGRAMS.items()
        if (path := shutil.which(name, path=environ.get("PATH")))
    ]
    engines = [
        Finding(_AREA, OK, f"{_ENGINES[found.surface]} is in use: {found.path} exists")
        for found in detect(root, kiro_home, environ, own=False)
    ]
    yield from programs
    yield from engines
    if not programs and not engines:
        yield Finding(_AREA, WARNING, "no trace of any Kiro: neither programs on PATH nor files",
                      "run a turn in Kiro, then this again")  # fmt: skip


def has_desktop_app(
    root: str, kiro_home: str, environ: Mapping[str, str], fired: Collection[str]
) -> bool:
    """Tell whether an IDE may run the hooks: it has the desktop's PATH and not the shell's.

    An IDE of which a hook `fired` has shown that its PATH suffices. With any, the recorder's own
    files are no sign of another: `init` writes those of every form.
    """
    surfaces = {found.surface for found in detect(root, kiro_home, environ, own=not fired)}
    return bool((surfaces & {"ide-0", "v1"}).difference(fired))
