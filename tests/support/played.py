"""Turns of every surface as they are played: the hooks run as Kiro runs them, and what Kiro writes
about them appears later. Payloads are in the shapes of each surface; the data is synthetic.
"""

import json
import time
from pathlib import Path

from support.kiro import TIMEOUT, Ledger
from support.kiro_homes import KiroHome
from support.kiro_homes.cli import CliSession
from support.kiro_homes.database import CliDatabase
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session

SECOND = 1_000_000
PROMPT = "Rename the field"


def notes(ledger):
    return sorted((ledger.state / "pending").glob("*"))


def make_due(ledger):
    """Let the pause of every note be over, as time would."""
    for path in notes(ledger):
        path.rename(path.with_name("0" * 12 + path.name[12:]))


def make_older(ledger, seconds):
    """Let time pass since what was noted; every note is due."""
    for path in notes(ledger):
        data = json.loads(path.read_text())
        data["at"] -= seconds * SECOND
        path.write_text(json.dumps(data))
    make_due(ledger)


def make_running_older(ledger, seconds):
    """Let time pass since the executions began that are running."""
    for path in ledger.running_files():
        data = json.loads(path.read_text())
        data["at"] -= seconds * SECOND
        path.write_text(json.dumps(data))


class Surface:
    """One surface in a workspace; subclasses say how its hooks and its files look.

    `ago` is how many seconds ago Kiro's files say that it all happened.
    """

    # Whether a hook may fill in the numbers; how long the generator waits before a start; what it
    # writes of an aborted turn.
    by_hook, pause, aborted = True, 30, {"status": "aborted"}

    def __init__(self, machine, kiro=None, root=None, ago=0):
        self.machine, self.root, self.ago = machine, str(root or machine.root), ago
        self.ledger = Ledger(Path(self.root) / ".kiro")
        self.kiro = kiro or KiroHome(machine.home)
        self.kiro.at = self.now() - 1000 * SECOND
        self.prepare()

    def now(self):
        """Return Kiro's time in whole milliseconds; it can differ from the hooks' time."""
        return int(time.time() * 1000) * 1000 - self.ago * SECOND

    def prepare(self):
        """Create the files that Kiro has before a turn."""

    def start(self):
        """Run the start hook."""
        self.began = self.now()
        self.hook(self.events[0], prompt=PROMPT)

    def stop(self):
        """Run the stop hook."""
        self.hook(self.events[1])

    def wait(self, seconds):
        """Let time pass since what was noted and since the turn that began last."""
        make_older(self.ledger, seconds)
        make_running_older(self.ledger, seconds)
        self.began -= seconds * SECOND

    def hook(self, event, **fields):
        """Run a hook with the payload of its event."""
        payload = {"hook_event_name": event, "cwd": self.root, **self.fields(event), **fields}
        self.machine.hook(payload, env=self.environment(event), cwd=self.root)

    def fields(self, event):
        del event
        return {}

    def environment(self, event):
        del event
        return {}

    def write(self, *usages, **options):
        """Write the turn that began last, as Kiro does about 10 s after its stop hook."""
        self.kiro.at = self.began - self.pause * SECOND
        return self.bill(*usages, **options)

    def turn(self, usage):
        """Play a whole turn; return what Kiro wrote of it."""
        self.start()
        self.stop()
        return self.write(usage)


class V1(Surface):
    """IDE 1.x and CLI V3."""

    events = ("UserPromptSubmit", "Stop")

    def prepare(self):
        self.session = V1Session(self.kiro, self.root)

    def fields(self, event):
        del event
        return {"session_id": self.session.session_id}

    def bill(self, usage, **options):
        return self.session.turn(usage, **options)


class Cli(Surface):
    """CLI 2.x, interactive."""

    events = ("userPromptSubmit", "stop")
    pause, aborted = 20, {"reason": "Cancelled"}

    def prepare(self):
        self.session = CliSession(self.kiro, self.root)

    def fields(self, event):
        answer = {"assistant_response": "Done."} if event == "stop" else {}
        return {**answer, "session_id": self.session.session_id}

    def environment(self, event):
        return {"USER_PROMPT": "" if event == "stop" else PROMPT}

    def bill(self, usage, **options):
        return self.session.turn(usage, **options)


class CliOnce(Cli):
    """CLI 2.x with --no-interactive: no session id, and a database."""

    by_hook, pause, aborted = False, 30, {}

    def prepare(self):
        self.database = CliDatabase(self.kiro)

    def fields(self, event):
        return {"assistant_response": "Done."} if event == "stop" else {}

    def bill(self, usage, *before, root="", session=""):
        root = root or self.root
        return self.database.conversation([*before, usage], root, session=session)[-1]


class Ide(Surface):
    """IDE 0.x: stdin stays open and empty, no session id."""

    events = ("promptSubmit", "agentStop")
    window = "4711"

    def prepare(self, *, proven=True):
        self.storage = IdeStorage(self.kiro, proven=proven)

    def environment(self, event):
        prompt = PROMPT if event == "promptSubmit" else ""
        return {"USER_PROMPT": prompt, "VSCODE_PID": self.window, "VSCODE_IPC_HOOK": "/run/x.sock"}

    def hook(self, event, **fields):
        del fields
        arguments = ("--event", event, "--no-stdin")
        process = self.machine.start(*arguments, env=self.environment(event), cwd=self.root)
        with process.stdin, process.stdout, process.stderr:
            assert process.wait(TIMEOUT) == 0
            assert (process.stdout.read(), process.stderr.read()) == (b"", b"")

    def bill(self, usage, **options):
        return self.storage.finish(self.storage.start(self.root), usage, **options)


class UnprovenIde(Ide):
    """IDE 0.x whose storage names workspaces in a way that cannot be traced back to a path."""

    def prepare(self):
        super().prepare(proven=False)


class Crew(V1):
    """Kiro Crew, as if its parent's session were one of the v1 engine."""

    subagent = "agent-a"

    def fields(self, event):
        answer = {"assistant_text": "Done."} if event == "Stop" else {}
        return {
            "parent_session_key": self.session.session_id, "subagent_id": self.subagent,
            "hook_continuation_count": 0, "stop_hook_active": False, **answer,
        }  # fmt: skip

    def environment(self, event):
        return {"KIROCREW_HOOK_EVENT": event}
