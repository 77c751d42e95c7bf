"""Findings of the health checks: values, which `status` and `doctor` show."""

from __future__ import annotations

from typing import NamedTuple

OK, WARNING, PROBLEM = "ok", "warning", "problem"


class Finding(NamedTuple):
    """One finding.

    Attributes:
        area: what it is about: kiro, hooks, program, folders, recording, speed or self-test.
        level: ok, warning (works, but not as it could) or problem (turns are lost, not recorded,
            or not recorded as configured).
        message: one sentence.
        fix: the command or the step that fixes it, "" if nothing is wrong.
    """

    area: str
    level: str
    message: str
    fix: str = ""
