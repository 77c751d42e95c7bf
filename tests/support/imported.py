"""Run `tokentrack import` in a machine and read what it did."""

import json
import time
from decimal import Decimal
from functools import partial

from support import commands
from support.kiro import latest
from support.kiro_homes import KiroHome
from support.kiro_homes.cli import CliSession
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session

SECOND = 1_000_000


tokentrack = partial(commands.tokentrack, errors=True)


def summary(machine, *arguments, **options):
    # The maintenance that runs along with an import is reported on stderr.
    text = tokentrack(machine, "import", "--json", *map(str, arguments), **options)
    return json.JSONDecoder().raw_decode(text)[0]


def credits_of(ledger):
    """Return the sum of the credits of the ledger's rows, as any report would make it."""
    found = latest(ledger)
    cells = [found[row["agent_execution_id"]]["credits"] for row in ledger.rows()]
    return sum((Decimal(cell) for cell in cells if cell), Decimal(0))


def here(machine, seed=7):
    """Return an empty home of Kiro's in the machine's own."""
    return KiroHome(machine.home, seed)


class Hooked:
    """Turns that the hook recorded, of which Kiro wrote the numbers afterwards."""

    def __init__(self, machine):
        self.machine, self.home = machine, here(machine)
        self.home.at = int(time.time() * 1000) * 1000

    def play(self, surface):
        """Run a turn's hooks, and write what Kiro writes."""
        home, root = self.home, str(self.machine.root)
        now = int(time.time() * 1000) * 1000
        if surface == "ide-0":
            for name in ("promptSubmit", "agentStop"):
                self.machine.hook(b"", "--event", name, "--no-stdin", env={"VSCODE_PID": "77"})
            home.at = now - 30 * SECOND
            return IdeStorage(home).execution([0.5], root)
        kind = V1Session if surface == "v1" else CliSession
        session = kind(home, root)
        for name in ("UserPromptSubmit", "Stop"):
            event = name if surface == "v1" else name[0].lower() + name[1:]
            self.machine.send(event, session.session_id, prompt="p")
        home.at = now - (30 if surface == "v1" else 20) * SECOND
        return session.turn([0.5])
