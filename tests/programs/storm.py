"""Many writers at once, killed at random: run as a program, since it forks and kills.

`python -m programs.storm '{"base": FOLDER, ...}'` forks workers that record events in the
workspace below the folder. A worker notes what was accepted in a file of its own before it goes
on. The program prints what it did as JSON; `examine` compares the notes with what is on the disk.
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
import traceback
from collections import Counter
from pathlib import Path
from zlib import crc32

from support import TESTS
from support.ledgers import HEADER, ID, PROMPT, Workspace
from tokentrack.models.columns import COLUMNS
from tokentrack.store import codec

SESSION = COLUMNS.index("session_id")
WORDS = ("alpha", 'say "hi"', "x,y", "line 1\nline 2", "back\\slash", "ünï", "\udc80", "\0", "\r\n")


class Spec:
    """What to do: `mode` is plain, pairs or hook; `kills_every` is in seconds, 0 for none."""

    def __init__(self, base, **values) -> None:
        self.base = str(base)
        self.workers = 16
        self.events = 0  # of each worker; 0 is until the storm ends
        self.seconds = 0.0
        self.kills_every = 0.0
        self.size = 400
        self.mode = "plain"
        self.flawed = False
        self.durability = "fsync"
        self.seed = 1
        self.wait_ms = 50
        self.until_lost = False
        self.__dict__.update(values)

    def workspace(self) -> Workspace:
        return Workspace(
            Path(self.base),
            durability=self.durability,
            max_prompt_length=1_000_000,
            hook_lock_timeout_ms=self.wait_ms,
        )


def run(base, **values) -> dict:
    """Run a storm in a process of its own and return its results."""
    spec = Spec(base, **values)
    Path(base).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "programs.storm", json.dumps(spec.__dict__)],
        capture_output=True,
        check=False,
        cwd=TESTS,
        text=True,
        timeout=spec.seconds + 240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def prompt_of(tag: str, size: int) -> str:
    """Return the one prompt that a tag's row must have, of about `size` bytes."""
    chance = random.Random(crc32(tag.encode()))
    words = [tag]
    choice = WORDS if size < 5000 else WORDS[:6]  # a surrogate makes a large row slow
    while sum(map(len, words)) < min(size, 400):
        words.append(chance.choice(choice))
    return " ".join(words) + "w" * (size - 400)


# --- the worker ---


def _work(spec: Spec, name: str) -> None:
    space = spec.workspace()
    tracker = _tracker(spec, space)
    notes = os.open(f"{spec.base}/notes/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0
    while not spec.events or number < spec.events:
        tag = f"{name}-{number}"
        number += 1
        for kind, event in _events(spec, tag):
            if _accept(spec, space, tracker, event):
                os.write(notes, f"{kind} {tag}\n".encode())


def _tracker(spec: Spec, space: Workspace):
    if not spec.flawed:
        return space.tracker
    from support.flawed import FlawedTracker

    return FlawedTracker.for_workspace(str(space.root), space.config, space.environ)


def _events(spec: Spec, tag: str):
    prompt = prompt_of(tag, spec.size)
    if spec.mode == "pairs":
        yield "start", {"hook_event_name": "UserPromptSubmit", "session_id": tag, "prompt": prompt}
        yield "stop", {"hook_event_name": "Stop", "session_id": tag, "assistant_response": tag}
    else:
        name = "agentExecutionCompleted"
        yield "stop", {"hook_event_name": name, "execution_id": tag, "session_id": tag,
                       "prompt": prompt}  # fmt: skip


def _accept(spec: Spec, space: Workspace, tracker, fields: dict) -> bool:
    if spec.mode == "hook":
        return _hook_run(space, fields)
    name = fields.pop("hook_event_name")
    return tracker.record_event(space.event(name, **fields))


def _hook_run(space: Workspace, fields: dict) -> bool:
    from tokentrack.recorder import hook_run

    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(fields).encode())
        file.flush()
        file.seek(0)
        os.dup2(file.fileno(), 0)
    limit = {"KIRO_TOKEN_TRACKER_MAX_PROMPT_LENGTH": "1000000"}
    return hook_run.run(["--workspace", str(space.root)], {**space.environ, **limit})


# --- the program ---


def _main(spec: Spec) -> dict:
    os.makedirs(f"{spec.base}/notes", exist_ok=True)
    space = spec.workspace()
    gate = os.pipe()
    children = {_fork(spec, f"w{n}g0", gate): n for n in range(spec.workers)}
    began = time.monotonic()
    for end in gate:  # every worker waits for this
        os.close(end)
    kills = _kill_at_random(spec, space, children) if spec.kills_every else 0
    for pid in children:
        if spec.kills_every:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert spec.kills_every or status == 0, f"a worker ended with {status}"
    seconds = time.monotonic() - began
    waiting = len(space.spooled())
    if spec.kills_every:  # the next process, once more with a neighbour
        _settle(spec, space)
    return {"kills": kills, "seconds": seconds, "waiting": waiting, **examine(spec)}


def _settle(spec: Spec, space: Workspace) -> None:
    for number in range(500):
        tag = f"last-{number}"
        fields = {"execution_id": tag, "session_id": tag, "prompt": prompt_of(tag, spec.size)}
        event = space.event("agentExecutionCompleted", **fields)
        assert _tracker(spec, space).record_event(event)
        if number and not space.spooled():
            return


def _fork(spec: Spec, name: str, gate: tuple[int, int] | None = None) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.nice(5)  # else the one that kills gets no turn
        if gate is not None:
            os.close(gate[1])
            os.read(gate[0], 1)
        _work(spec, name)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)


FEWEST_KILLS = 10


def _kill_at_random(spec: Spec, space: Workspace, children: dict[int, int]) -> int:
    chance = random.Random(spec.seed)
    kills = 0
    deadline = time.monotonic() + spec.seconds
    # On a busy machine so few kills would show nothing.
    while time.monotonic() < deadline or kills <= FEWEST_KILLS:
        time.sleep(chance.expovariate(1 / spec.kills_every))
        pid = _writer(space, children) if chance.random() < 0.5 else None
        pid = pid or chance.choice(list(children))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        kills += 1
        number = children.pop(pid)
        children[_fork(spec, f"w{number}g{kills}")] = number
        if spec.until_lost and kills % 20 == 0 and examine(spec)["damaged"]:
            break
    return kills


def _writer(space: Workspace, children: dict[int, int]) -> int | None:
    # Half of the kills are aimed at the lock's holder, in the moment in which the file grows.
    try:
        inode = f":{os.stat(space.lock).st_ino} "
        with open("/proc/locks", encoding="ascii") as file:
            pids = [int(line.split()[4]) for line in file if inode in line and "->" not in line]
        size = os.stat(space.ledger).st_size
        deadline = time.monotonic() + 0.005
        while os.stat(space.ledger).st_size == size and time.monotonic() < deadline:
            pass
    except (OSError, ValueError, IndexError):
        return None
    return next((pid for pid in pids if pid in children), None)


def examine(spec: Spec) -> dict:
    """Compare the accepted events with the ledger, the spool and the running executions."""
    space = spec.workspace()
    accepted = _accepted(spec)
    data = space.ledger.read_bytes() if space.ledger.exists() else HEADER
    rows, damaged, counts = set(), [], Counter()
    for line in data.removeprefix(HEADER).split(b"\n")[:-1]:
        tag = _tag_of(line, spec.size)
        if tag is None:
            damaged.append(line[:60].decode("utf-8", "replace"))
        else:
            rows.add(tag)
            counts[tag] += 1
    running = {e.name for e in (space.state / "running").glob("s-*.json")}
    known = rows | {tag for tag in accepted["start"] if f"s-{tag}..json" in running}
    usage = Counter(space.usage_ids()) if not spec.flawed else Counter()
    return {
        "accepted": len(accepted["stop"]),
        "starts": len(accepted["start"]),
        "rows": sum(counts.values()),
        "lost": sorted((accepted["stop"] - rows) | (accepted["start"] - known))[:20],
        "twice": sorted(tag for tag, count in counts.items() if count > 1)[:20],
        "damaged": damaged[:20],
        "torn": len(space.quarantined()),
        "usage_rows": sum(usage.values()),
        "without_usage": 0 if spec.flawed else len(_ids(data) - set(usage)),
        "ends_whole": data.endswith(b"\n") and data.startswith(HEADER),
        "spooled": len(space.spooled()),
    }


def _ids(data: bytes) -> set[str]:
    lines = data.removeprefix(HEADER).split(b"\n")[:-1]
    return {codec.decode_line(line.decode())[ID] for line in lines}


def _accepted(spec: Spec) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"start": set(), "stop": set()}
    for path in Path(spec.base, "notes").iterdir():
        for line in path.read_text().split("\n")[:-1]:
            kind, tag = line.split(" ")
            found[kind].add(tag)
    return found


def _tag_of(line: bytes, size: int) -> str | None:
    # The session is the event's tag; everything else must fit it.
    try:
        row = codec.decode_line(line.decode())
    except ValueError:
        return None
    if len(row) != len(COLUMNS) or row[PROMPT] != prompt_of(row[SESSION], size):
        return None
    return row[SESSION]


if __name__ == "__main__":
    print(json.dumps(_main(Spec(**json.loads(sys.argv[1])))))  # noqa: T201
