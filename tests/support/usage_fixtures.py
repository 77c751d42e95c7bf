"""Helpers for tests of tracked usage."""

import csv
import json
import subprocess
import sys

MODEL = "claude-sonnet-4.5"


def rows_of(path):
    """Return the rows of a usage ledger, read without the project's own readers."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def start_python(program, *arguments, **options):
    """Start a program with this interpreter."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *[str(argument) for argument in arguments]],
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def run_python(program, *arguments):
    """Run a program to its end, and return the JSON that it prints."""
    process = start_python(program, *arguments)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(out)
