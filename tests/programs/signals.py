"""Signals at any moment of a hook: run as a program.

`python -m programs.signals FOLDER SIGNAL COUNT [flawed]` starts COUNT hooks as Kiro does, sends
each of them SIGINT or SIGTERM at a random moment, and prints as JSON how many ended with 0, and
which events of those are neither in the ledger nor in a spool nor counted. With `flawed`, the hook
ends with 0 as soon as the signal comes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.ledgers import Workspace
from tokentrack.recorder.rescue import losses
from tokentrack.store.directory import Directory

SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM}
FLAWED = (
    "import os, signal\n"
    "for name in (signal.SIGINT, signal.SIGTERM):\n"
    "    signal.signal(name, lambda *_: os._exit(0))\n"
    "from tokentrack.__main__ import run_hook\n"
    "run_hook([])\n"
)
SOUND = "import sys; from tokentrack.__main__ import main; sys.exit(main())"


def run(base: Path, name: str, count: int, *, flawed: bool = False) -> dict[str, Any]:
    """Send a signal to `count` hooks; return what was found."""
    space = Workspace(base)
    code = FLAWED if flawed else SOUND
    longest = 1.5 * min(_seconds(space, code, f"before-{number}") for number in range(5))
    chance = random.Random(count)
    accepted = [
        f"event-{number}"
        for number in range(count)
        if _hit(space, code, f"event-{number}", SIGNALS[name], chance.uniform(0, longest)) == 0
    ]
    space.recorder.write((), 5)
    found = set(space.ids())
    counted = _counted(space)
    missing = [tag for tag in accepted if tag not in found]
    return {"signals": count, "accepted": len(accepted), "lost": missing[counted:]}


def _start(space: Workspace, code: str, tag: str) -> subprocess.Popen[bytes]:
    # The payload is there from the start, so that only the signal changes what happens.
    fields = {"hook_event_name": "agentExecutionCompleted", "execution_id": tag, "prompt": "p"}
    with tempfile.TemporaryFile() as payload:
        payload.write(json.dumps(fields).encode())
        payload.seek(0)
        return subprocess.Popen(
            [sys.executable, "-I", "-c", code, "hook-run"], stdin=payload, cwd=space.root,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**space.environ, "PATH": os.defpath},
        )  # fmt: skip


def _seconds(space: Workspace, code: str, tag: str) -> float:
    began = time.monotonic()
    _start(space, code, tag).wait()
    return time.monotonic() - began


def _hit(space: Workspace, code: str, tag: str, number: int, seconds: float) -> int:
    process = _start(space, code, tag)
    time.sleep(seconds)
    process.send_signal(number)
    return process.wait()


def _counted(space: Workspace) -> int:
    count = 0
    for place in (space.state, *space.home.glob(".local/state/tokentrack/*")):
        if place.is_dir():
            with Directory.open(str(place)) as folder:
                count += len(losses(folder))
    return count


if __name__ == "__main__":
    folder, kind, number, *flaw = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=folder) as made:
        found = run(Path(made), kind, int(number), flawed=bool(flaw))
    print(json.dumps(found))  # noqa: T201  (its result)
