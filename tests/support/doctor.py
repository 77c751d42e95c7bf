"""Run `tokentrack doctor` in a machine and read its findings."""

import json
import sys
from pathlib import Path

from support import commands

BIN = Path(sys.executable).parent


def tokentrack(machine, *arguments, code=0, path=None):
    found = f"{BIN}:{machine.environment['PATH']}" if path is None else path
    return commands.tokentrack(machine, *arguments, code=code, env={"PATH": found})


def findings(machine, *arguments, code=0, **options):
    facts = json.loads(tokentrack(machine, "doctor", "--json", *arguments, code=code, **options))
    assert facts["schema_version"] == 1
    return facts["findings"]


def having(found, text, level):
    """Return the findings of a level whose message has a text; each has a fix."""
    wanted = [f for f in found if text in f["message"] and f["level"] == level]
    assert all(f["fix"] for f in wanted if level != "ok")
    return wanted


def install(machine, *arguments):
    tokentrack(machine, "init", *arguments)
