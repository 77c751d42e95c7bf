"""Files of state that tokentrack did not write: run as a program.

`python -m programs.state_files FOLDER COUNT [flawed]` damages the state files of a workspace in
COUNT ways, records two turns in each, asks `status` and `doctor` of some, and prints as JSON how
many shapes there were, which turns are nowhere, and what else was wrong. With `flawed`, nothing
looks at the shape of a file.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from programs import hostile
from support.ledgers import Workspace, line_of, transaction
from tokentrack.common import fastjson
from tokentrack.recorder.rescue import losses
from tokentrack.store.directory import Directory

TURNS = ("late-1", "late-2")
MOST_MEMORY = 50 * 1024 * 1024  # beyond what the interpreter has before it starts
NAME = "00000000000000001-0123456789ab.900.json"
_DEEP: Any = []
for _ in range(90):
    _DEEP = [_DEEP]

_LARGE: dict[str, Any] = {
    "text": "é" * 70_000, "long": "x" * 1_100_000, "list": [0] * 5000, "lists": [[]] * 5000,
    "names": {str(n): n for n in range(3000)}, "deep": _DEEP,
}  # fmt: skip
_LARGE_BYTES = {
    "zeros": b"\0" * 5000, "open": b"[" * 100_000, "lists": b"[" + b"[]," * 300_000 + b"[]]",
    "quotes": b'"' * 900_000, "objects": b'{"a":' * 5000, "backslashes": b"\\" * 900_000,
    "digits": b"1" * 5000,
}  # fmt: skip
ODD = st.one_of(
    st.sampled_from([
        None, "", 0, False, True, [], {}, [[]], [{}], -1, 5, 2**63, 10**300, 1e308, float("inf"),
        float("nan"), "x", "x" * 300, "\ud800", "../x", "a/b", "a\0b", ".", "..",
        "2026-01-01T00:00:00.000Z", "drain.json", "id-s-1", "\u202e",
    ]),
    st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(sorted(_LARGE)).map(_LARGE.get),
)  # fmt: skip
BYTES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"{}", b"null", b"\xff\xfe", b'"\\ud800"']),
    st.sampled_from(sorted(_LARGE_BYTES)).map(_LARGE_BYTES.get),
)
KINDS = st.sampled_from(["folder", "link", "pipe", "sparse", "hard link"])


class Change(NamedTuple):
    """What one state file becomes."""

    name: str
    how: str
    path: list[int]
    value: Any


CHANGES = st.one_of(
    st.builds(Change, st.sampled_from(range(9)), st.sampled_from(["set", "drop", "add"]),
              st.lists(st.integers(0, 30), max_size=5), ODD),
    st.builds(Change, st.sampled_from(range(9)), st.just("bytes"), st.just([]), BYTES),
    st.builds(Change, st.sampled_from(range(9)), st.just("kind"), st.just([]), KINDS),
)  # fmt: skip


def documents(space: Workspace) -> dict[str, Any]:
    """Return, by name, state files as tokentrack writes them."""
    event = space.event("UserPromptSubmit", session_id="late-1", prompt="p").to_dict()
    stop = space.event("Stop", session_id="waits", prompt="p").to_dict()
    done = {"at": event["at"] - 10**8, "done": event["at"] - 10**8}
    line = line_of(transaction("planned")).decode()
    size = space.ledger.stat().st_size
    usage = space.usage.read_text().splitlines()[-1].split(",")
    return {
        "drain.json": {
            "appends": [["token_transactions.csv", size, line]],
            "state": {
                "running": {"s-late-2..json": event, "s-gone..json": None},
                "closed": {"s-x": {**done, "fingerprint": "f"}},
            },
            "spool": [["own", NAME]],
        },
        "drained.json": {"names": ["an earlier one"]},
        "running/s-late-1..json": event,
        "running/s-other..json": {**event, "session_id": "other", "at": 5},
        "closed/s-late-1": {**done, "fingerprint": "f"},
        "closed/id-s-e": {**done, "since": 0, "execution_id": "e"},
        "pending/000000000000-v1.s-e.json": {
            "at": event["at"], "elapsed": 1.5, "folder": "ws", "trigger": "x", "usage": usage},
        f"spool/new/{NAME}": {"event": stop},
        "closed/swept": 5,
    }  # fmt: skip


def changed(value: Any, change: Change) -> Any:
    """Return a document with one of its values set, dropped or added."""
    if not change.path or not isinstance(value, dict | list) or not value:
        return change.value
    if isinstance(value, list):
        at = change.path[0] % len(value)
        keys: list[Any] = list(range(len(value)))
    else:
        keys = sorted(value)
        at = change.path[0] % len(keys)
    copy = value.copy()
    if len(change.path) > 1:
        copy[keys[at]] = changed(value[keys[at]], change._replace(path=change.path[1:]))
    elif change.how == "drop":
        del copy[keys[at]]
    elif change.how == "add" and isinstance(copy, dict):
        copy[str(change.value)[:300]] = change.value
    elif change.how == "add":
        copy.append(change.value)
    else:
        copy[keys[at]] = change.value
    return copy


def put(path: Path, change: Change, document: Any) -> None:
    """Write a changed state file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if change.how == "kind":
        _put_kind(path, change.value)
    elif change.how == "bytes":
        path.write_bytes(change.value)
    else:
        write(path, changed(document, change))


def write(path: Path, document: Any) -> None:
    """Write a state file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "ascii")
    path.chmod(0o600)


def _put_kind(path: Path, kind: str) -> None:
    if kind == "folder":
        (path / "inner").mkdir(parents=True)
    elif kind == "link":
        path.symlink_to("/nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "hard link":
        kiro = path.parents[path.parts[::-1].index(".kiro") - 1]
        path.hardlink_to(kiro / "token_usage.csv")
    else:
        path.touch()
        os.truncate(path, 40_000_000)


_SOME = st.lists(CHANGES, min_size=1, max_size=2, unique_by=lambda change: change.name)


class Trial:
    """A workspace to copy, and what was found in its copies."""

    def __init__(self, base: Path) -> None:
        self.base = base
        space = Workspace(base / "model", durability="none")
        assert space.complete("first")
        self.documents = documents(space)
        self.found: dict[str, Any] = {"shapes": 0, "lost": [], "wrong": []}

    def copy(self, folder: Path) -> Workspace:
        """Return a copy of the workspace."""
        shutil.copytree(self.base / "model", folder)
        return Workspace(folder, durability="none")

    def run(self, changes: list[Change], *, ask: bool) -> list[str]:
        """Record the turns beside some changed files; return what is wrong."""
        folder = Path(tempfile.mkdtemp(dir=self.base))
        try:
            space = self.copy(folder / "copy")
            names = list(self.documents)
            for change in changes:
                name = names[change.name]
                put(space.state / name, change, self.documents[name])
            self.found["shapes"] += 1
            return self._record(space, ask=ask)
        finally:
            shutil.rmtree(folder)

    def _record(self, space: Workspace, *, ask: bool) -> list[str]:
        turns = [(["hook-run"], _payload(turn)) for turn in TURNS]
        said, grown = _measured(turns, space)
        wrong = [f"the hook said {said[:300]}"] if said else []
        wrong += [f"the hook grew by {grown}"] if grown > MOST_MEMORY else []
        wrong += [f"{turn} is nowhere" for turn in _missing(space)]
        if ask:
            for word in ("status", "doctor"):
                text = _said(word, space)
                wrong += [f"{word}: {text[-600:]}"] if "Traceback" in text else []
        return wrong


def _payload(session: str) -> bytes:
    fields = {"hook_event_name": "Stop", "session_id": session, "prompt": "p"}
    return json.dumps(fields).encode()


def _said(word: str, space: Workspace) -> str:
    try:
        return hostile.run([word], space.root, space.home)
    except AssertionError as error:
        return str(error)


def _measured(steps: list[tuple[list[str], bytes]], space: Workspace) -> tuple[str, int]:
    # What the steps print, and by how many bytes they make a child of this process grow.
    note = space.home / "grown"
    pid = os.fork()
    if pid == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = hostile.run_all(steps, space.root, space.home)
        grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before
        note.write_text(json.dumps([said, grown * 1024]))
        os._exit(0)
    os.waitpid(pid, 0)
    if not note.exists():
        return "the hook did not end well", 0
    said, grown = json.loads(note.read_text())
    return said, grown


def _missing(space: Workspace) -> list[str]:
    kept = [path.read_bytes() for path in [*_files(space.spooled()), *_files(space.rescued())]]
    data = b"".join([space.ledger.read_bytes(), *kept])
    missing = [turn for turn in TURNS if turn.encode() not in data]
    counted = 0
    for place in (space.state, *space.home.glob(".local/state/tokentrack/*")):
        with Directory.open(str(place)) as folder:
            counted += len(losses(folder))
    return missing[counted:]


def _files(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.is_file()]


def run(base: Path, count: int, *, flawed: bool = False) -> dict[str, Any]:
    """Try `count` shapes; return what was found."""
    warnings.simplefilter("ignore", HypothesisWarning)
    hostile.load()
    if flawed:
        fastjson.fits = lambda *_: True
    trial = Trial(base)

    @given(_SOME, st.integers(0, 9))
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    def each(changes: list[Change], number: int) -> None:
        if flawed and (trial.found["lost"] or trial.found["wrong"]):
            return  # it has failed as it must
        for text in trial.run(changes, ask=flawed or number == 0):
            place = "lost" if text.endswith("nowhere") else "wrong"
            trial.found[place].append(f"{str(changes)[:300]}: {text}")

    each()
    return trial.found


if __name__ == "__main__":
    folder, number, *flaw = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=folder) as made:
        found = run(Path(made), int(number), flawed=bool(flaw))
    print(json.dumps(found))  # noqa: T201  (its result)
