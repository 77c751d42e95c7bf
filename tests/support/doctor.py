"""Run `tokentrack doctor` in a machine and read its findings."""

import json
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def tokentrack(machine, *arguments, code=0, path=None):
    found = f"{BIN}:{machine.environment['PATH']}" if path is None else path
    result = subprocess.run(
        [sys.executable, "-m", "tokentrack", *arguments], cwd=machine.root,
        env={**machine.environment, "PATH": found}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in result.stderr, result.stderr
    assert code in (None, result.returncode), result.stderr + result.stdout
    return result.stdout


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
