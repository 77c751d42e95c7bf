"""Which Kiro products are on this machine, by the programs and files they leave."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tokentrack.diagnostics.findings import OK, WARNING, Finding
from tokentrack.hookfiles.detect import detect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.diagnostics.setup import Setup

_AREA = "kiro"
# `kiro` opens the IDE; it is not the CLI.
_PROGRAMS = {"kiro": "the IDE's launcher", "kiro-cli": "the CLI", "q": "the CLI's older name"}
_ENGINES = {
    "ide-0": "Kiro IDE 0.x",
    "v1": "the v1 engine (IDE 1.x, CLI 3)",
    "cli-2": "Kiro CLI 1.x or 2.x",
    "crew": "Kiro Crew",
}


def check_kiro(setup: Setup) -> Iterator[Finding]:
    """Yield the programs on PATH and the engines whose files exist."""
    programs = [
        Finding(_AREA, OK, f"`{name}` ({what}) is {path}")
        for name, what in _PROGRAMS.items()
        if (path := shutil.which(name, path=setup.environ.get("PATH")))
    ]
    engines = [
        Finding(_AREA, OK, f"{_ENGINES[found.surface]} is in use: {found.path} exists")
        for found in detect(setup.base, setup.kiro_home, setup.environ, own=False)
    ]
    yield from programs
    yield from engines
    if not programs and not engines:
        yield Finding(_AREA, WARNING, "no Kiro found: nothing on PATH and no Kiro files",
                      "run a turn in Kiro, then run `tokentrack doctor` again")  # fmt: skip


def may_run_from_desktop(setup: Setup) -> bool:
    """Tell whether an IDE that has the desktop's PATH, not the shell's, may run the hooks.

    A surface whose hook has fired has shown that its PATH suffices. Once one has, the recorder's
    own files do not indicate another surface, since `init` writes files of every form.
    """
    fired = {surface for surface, _ in setup.last_fired}
    found = detect(setup.base, setup.kiro_home, setup.environ, own=not fired)
    return bool(({evidence.surface for evidence in found} & {"ide-0", "v1"}) - fired)
