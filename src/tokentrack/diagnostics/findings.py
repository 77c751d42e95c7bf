"""What the doctor finds: data, which a command shows."""

from __future__ import annotations

from typing import NamedTuple

OK, WARNING, PROBLEM = "ok", "warning", "problem"


class Finding(NamedTuple):
    """One finding.

    Attributes:
        area: what it is about: kiro, hooks, program, folders, recording or speed.
        level: ok, warning (works, but not as it could) or problem (turns are not recorded).
        message: one sentence.
        fix: the command or the step that fixes it, "" where nothing is wrong.
    """

    area: str
    level: str
    message: str
    fix: str = ""
