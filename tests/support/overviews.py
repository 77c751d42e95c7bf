"""Ask for the overview."""

import json

from support.imported import tokentrack


def overview(machine, *words, columns=None, code=0):
    """Return what the overview prints."""
    env = {"COLUMNS": str(columns)} if columns else {}
    return tokentrack(machine, *words, code=code, env=env)


def document(machine, *words):
    """Return the overview as JSON values."""
    return json.loads(overview(machine, "--json", *words))
